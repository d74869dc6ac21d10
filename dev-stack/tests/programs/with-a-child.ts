import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// As the host of the Workers starts workerd: a child that nobody tells of its parent's end.
spawn(process.execPath, [fileURLToPath(new URL('./well-behaved.ts', import.meta.url))], { stdio: ['ignore', 'inherit', 'inherit'] });
setInterval(() => {}, 60_000);
