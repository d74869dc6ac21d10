import { collectTools } from '../connected/collect-tools.ts';
import type { ConnectionConfig, Snapshot } from '../connected/snapshot.ts';
import type { JsonObject } from './openapi/document.ts';
import { readOperations } from './openapi/read-operations.ts';

/** What an OpenAPI document offers. @throws RubotError `invalid_request` */
export function lookAtDocument(providerId: string, openapi: JsonObject, config: ConnectionConfig): Snapshot {
  return collectTools(providerId, readOperations(openapi, config.auth), config);
}
