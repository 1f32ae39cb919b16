// Which addresses the gate asks anything of, and sends secrets to.

/** Whether a URL may be asked: https, or plain http on this machine. A text says why not. */
export function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return `${text} is no URL`;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return `${url.host}: no credentials in a URL`;
  if (url.port === '0') return `${text}: a port is from 1 to 65535`;
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)) return null;
  return `${text} is not https; plain http is taken for loopback addresses only`;
}
