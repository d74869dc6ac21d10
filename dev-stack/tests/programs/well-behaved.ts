import { connect } from 'node:net';

// Holds a connection to its test, which sees by its end that this process has ended, however it did.
connect(Number(process.env['TEST_PORT']), '127.0.0.1', () => {
  console.log('a line that is no log line');
  console.log(JSON.stringify({ event_type: 'service.started', secret: process.env['TEST_SECRET'] }));
});
