// node scripts/bootstrap.mjs <program.ts | tool> [arguments]
//
// Every script of package.json starts here: what is missing is installed, then the program runs under the repository's
// own Node. So one command works on a fresh checkout, on any Node that can read this file.
const OLDEST_NODE = 20;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  console.error(
    `rubot: Node ${OLDEST_NODE} or newer is needed to start, and this is ${process.versions.node}. Install one from https://nodejs.org, then run the command again.`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import('./bootstrap/main.mjs');
  await main(process.argv.slice(2));
}
