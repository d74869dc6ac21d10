import { statfsSync } from 'node:fs';

const CAUSES = [
  {
    pattern: /ENOSPC|no space left on device/i,
    explain: ({ root }) =>
      `no space is left on a disk that the install writes to: under ${root} (${freeMegabytes(root)} MB free, about 1500 MB are needed) or in npm's cache (\`npm config get cache\`). Free some, then run the command again.`,
  },
  {
    pattern: /certificate|SELF_SIGNED/i,
    explain: () =>
      "the certificate of the npm registry is not trusted, as behind a proxy of one's own. Set NODE_EXTRA_CA_CERTS and SSL_CERT_FILE to its certificate, then run the command again.",
  },
  {
    pattern: /OUTDATED_LOCKFILE/,
    explain: ({ packageManager }) =>
      `pnpm-lock.yaml is behind a package.json. Run \`npx ${packageManager} install --no-frozen-lockfile\` and commit the lockfile.`,
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|dns error|error sending request|connection refused/i,
    explain: () =>
      'the npm registry cannot be reached. Check the network and what `npm config get registry` answers, then run the command again.',
  },
  {
    pattern: /EACCES|EPERM|permission denied/i,
    explain: ({ root }) =>
      `a file cannot be written, under ${root} or in npm's cache (\`npm config get cache\`). Give both to the user who runs this, then run the command again.`,
  },
];

/**
 * @param {string} output what npx and pnpm printed
 * @param {{ root: string, packageManager?: string }} checkout
 * @returns {string | undefined} one line: what happened and what to do
 */
export function explainInstallFailure(output, checkout) {
  const text = output.replace(/\s+/g, ' '); // pnpm wraps its sentences
  return CAUSES.find(({ pattern }) => pattern.test(text))?.explain(checkout);
}

function freeMegabytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1024 ** 2);
}
