// The volumes of a rendered pod as a kubelet lays them out: files are links into a dated folder, and a change is one
// link that is swapped. Everything is below a root of the test's own, and so are the paths that files name.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { find, type Manifest } from './helm.ts';

/** Name of a Secret or ConfigMap that is not the chart's, and what is in it. */
export type Foreign = Readonly<Record<string, Readonly<Record<string, string>>>>;

export class PodFiles {
  readonly root: string;
  readonly #foreign: Foreign;
  #count = 0;

  constructor(root: string, foreign: Foreign) {
    this.root = root;
    this.#foreign = foreign;
  }

  /** A path within the pod, on this machine. */
  at(file: string): string {
    return path.join(this.root, file);
  }

  /** All volumes of the pod's first container, or what they changed to. */
  async lay(manifests: readonly Manifest[], pod: Manifest): Promise<void> {
    const paths: string[] = pod.containers[0].volumeMounts.map((one: Manifest) => one.mountPath);
    for (const { name, mountPath } of pod.containers[0].volumeMounts) {
      const volume = pod.volumes.find((one: Manifest) => one.name === name);
      const dir = this.at(mountPath);
      await mkdir(dir, { recursive: true });
      // Of a claim.
      if (volume === undefined) continue;
      const sources: Manifest[] = volume.projected?.sources ?? [volume];
      // As Kubernetes has it where the volume does not say.
      const mode: number =
        (volume.projected ?? volume.secret ?? volume.configMap).defaultMode ?? 0o644;
      const files = Object.assign(
        {},
        ...sources.map((one) => this.#dataOf(manifests, one)),
      ) as Record<string, string>;
      await this.#swap(dir, files, { paths, mode });
    }
  }

  #dataOf(manifests: readonly Manifest[], source: Manifest): Record<string, string> {
    const name: string = source.configMap?.name ?? source.secret?.secretName;
    const data = this.#foreign[name] ?? find(manifests, 'ConfigMap', name).data;
    const items: Manifest[] | undefined = (source.configMap ?? source.secret).items;
    if (items === undefined) return data;
    return Object.fromEntries(items.map((one) => [one.path, data[one.key]]));
  }

  async #swap(
    dir: string,
    files: Record<string, string>,
    { paths, mode }: { readonly paths: readonly string[]; readonly mode: number },
  ): Promise<void> {
    const dated = `..dated-${this.#count++}`;
    await mkdir(path.join(dir, dated));
    for (const [name, text] of Object.entries(files)) {
      await writeFile(path.join(dir, dated, name), this.#below(text, paths), { mode });
      await rm(path.join(dir, name), { force: true });
      await symlink(path.join('..data', name), path.join(dir, name));
    }
    await symlink(dated, path.join(dir, '..data_tmp'));
    await rename(path.join(dir, '..data_tmp'), path.join(dir, '..data'));
  }

  #below(text: string, paths: readonly string[]): string {
    return paths.reduce((all, one) => all.replaceAll(`: ${one}`, `: ${this.at(one)}`), text);
  }
}
