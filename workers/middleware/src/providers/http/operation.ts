import { z } from 'zod';

const Parameter = z.object({
  /** Among the arguments of the tool. */
  key: z.string(),
  /** In the request. */
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  /** https://spec.openapis.org/oas/v3.1.1#style-values */
  style: z.enum(['simple', 'form', 'spaceDelimited', 'pipeDelimited', 'deepObject', 'json']),
  explode: z.boolean(),
});
export type Parameter = z.infer<typeof Parameter>;

/** How an operation is asked for: what is kept of its description beside the schema of its arguments. */
export const HttpOperation = z.object({
  method: z.string(),
  /** With `{name}` for each of the parameters in it. */
  path: z.string(),
  parameters: z.array(Parameter),
  /** Where the body stands among the arguments. */
  body: z.object({ key: z.string(), content_type: z.string() }).optional(),
});
export type HttpOperation = z.infer<typeof HttpOperation>;
