// Loaded into a gate's process before it starts: SIGUSR2 lets an error come up where no guard is, by the way that
// the environment names.
const FAULTS = {
  throw: () => process.nextTick(() => null.fault),
  timer: () => setTimeout(() => null.fault, 1),
  rejection: () => void Promise.reject(new TypeError('secret-canary')),
};
process.on('SIGUSR2', FAULTS[process.env.INJECTED_FAULT]);
