import fc from 'fast-check';

/** Requests of every kind that is taken, to be spoiled. */
const SOUND: readonly Record<string, unknown>[] = [
  { messages: [{ role: 'user', content: 'Hello!' }] },
  {
    model: 'rubot/conversational',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
      { role: 'assistant', content: 'A picture.' },
      { role: 'user', content: 'Of what?', name: 'ada' },
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    stop: ['END'],
  },
  {
    model: 'rubot/tables',
    messages: [
      { role: 'user', content: 'Rain in Bern?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bern"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'Weather.',
          parameters: { type: 'object', properties: { city: { type: 'string' } } },
        },
      },
    ],
    tool_choice: 'auto',
    parallel_tool_calls: false,
  },
  {
    model: 'rubot',
    messages: [
      { role: 'developer', content: 'Answer in JSON.' },
      { role: 'user', content: 'Rain?' },
    ],
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'rain', strict: true, schema: { type: 'object', properties: { rain: { type: 'boolean' } } } },
    },
    max_completion_tokens: 50,
    seed: 7,
    n: 1,
    user: 'u-1',
    metadata: { source: 'test' },
  },
];

const FIELDS = ['model', 'messages', 'role', 'content', 'tools', 'tool_calls', 'type', 'stream', 'function', 'toString', 'rubot', '$ref'];
const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\u202e💥',
  'x'.repeat(5_000),
  '{{secret}}',
  '{"task":"plan","agents":[],"question":""}',
  '{"task":"slice","note":"","part":"x","earlier_answers":[]}',
  'data: [DONE]\n\n',
  'http://169.254.169.254/',
  'file:///etc/passwd',
];
const HOSTILE: readonly unknown[] = [
  ...HOSTILE_TEXTS,
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  [],
  {},
  [[]],
  { type: 'text', text: 'hi' },
  { $ref: '#' },
];

const value = fc.oneof(fc.constantFrom(...HOSTILE), fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary', maxLength: 40 }));

interface Holder {
  [key: string]: unknown;
}

/** What is done to one place of a body. */
type Mutation = (holder: Holder, key: string) => void;

function remove(holder: Holder, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function repeat(holder: Holder, key: string): void {
  holder[key] = [holder[key], holder[key]];
}

function wrap(holder: Holder, key: string): void {
  holder[key] = { [key]: holder[key] };
}

function replaceBy(replacement: unknown): Mutation {
  return function replace(holder, key) {
    holder[key] = replacement;
  };
}

/** Leaves what is no text alone, so that many a body stays sound. */
function rewriteAs(text: string): Mutation {
  return function rewrite(holder, key) {
    if (typeof holder[key] === 'string') holder[key] = text;
  };
}

function addBeside(name: string, added: unknown): Mutation {
  return function add(holder) {
    if (Array.isArray(holder)) holder.push(added);
    else holder[name] = added;
  };
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.constantFrom(remove, repeat, wrap),
  value.map(replaceBy),
  fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: 'binary', maxLength: 40 })).map(rewriteAs),
  fc.tuple(fc.constantFrom(...FIELDS), value).map(([name, added]) => addBeside(name, added)),
);

/** Every place in a value that something stands in. */
function placesIn(root: unknown): readonly (readonly [Holder, string])[] {
  if (typeof root !== 'object' || root === null) return [];
  const own = Object.keys(root).map((key) => [root as Holder, key] as const);
  return own.flatMap((place) => [place, ...placesIn(place[0][place[1]])]);
}

const spoiledValue = fc
  .tuple(fc.constantFrom(...SOUND), fc.array(fc.tuple(mutation, fc.nat(10_000)), { minLength: 1, maxLength: 2 }))
  .map(([sound, mutations]) => {
    const body = structuredClone(sound);
    for (const [mutate, position] of mutations) {
      const places = placesIn(body);
      const place = places[position % places.length];
      if (place !== undefined) mutate(...place);
    }
    return JSON.stringify(body);
  });

const spoiledText = fc
  .tuple(fc.constantFrom(...SOUND), fc.nat(100_000), fc.uint8Array({ maxLength: 4 }), fc.boolean())
  .map(([sound, place, inserted, isCut]) => {
    const bytes = Buffer.from(JSON.stringify(sound));
    const at = place % bytes.length;
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), inserted, isCut ? Buffer.alloc(0) : bytes.subarray(at)]));
  });

/** Bodies of which some are still sound by chance and the others are wrong in ways that nobody thought of. */
export const spoiledBody = fc.oneof({ arbitrary: spoiledValue, weight: 4 }, { arbitrary: spoiledText, weight: 1 });
