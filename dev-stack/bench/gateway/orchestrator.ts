import { serveAnswers, writeStream } from '../upstream/serve-answers.ts';
import { ANSWERS } from './answers.ts';
import { streamAnswer, WHOLE_ANSWER } from './orchestrator-answers.ts';

/** A fake orchestrator: the gateway is measured against what stands behind it, which so must cost next to nothing. */
serveAnswers(async ({ model }, response) => {
  if (model === ANSWERS.whole) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(WHOLE_ANSWER) });
    response.end(WHOLE_ANSWER);
    return;
  }
  await writeStream(response, streamAnswer(String(model)));
});
