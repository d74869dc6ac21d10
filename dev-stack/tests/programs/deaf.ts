import './well-behaved.ts';

process.on('SIGTERM', () => {});
