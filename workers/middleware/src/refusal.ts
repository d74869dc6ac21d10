import { RubotError } from '@rubot/errors';

/** Why access was refused: for the log alone, as whoever tries keys and names learns nothing from us. */
export type RefusalReason =
  | 'tenant_mismatch'
  | 'scope_missing'
  | 'sender_unbound'
  | 'session_of_another_sender'
  | 'tool_not_enabled'
  | 'issuer_unknown'
  | 'issuer_ended'
  | 'scopes_exceed_issuer'
  | 'lifetime_exceeds_issuer'
  | 'limits_exceed_issuer'
  | 'scopes_exceed_token'
  | 'scopes_exceed_handle'
  | 'token_ended'
  | 'handle_unknown'
  | 'handle_of_another_token'
  | 'handle_of_another_action'
  | 'handle_expired';

/** The holder of a good bearer asks for what it does not open. */
export function refuseBearer(reason: RefusalReason): RubotError {
  return new RubotError('forbidden', 'This data bearer does not open this, or no longer does. Ask the gateway for a new one.', {
    operatorDetail: reason,
  });
}

/** The tenant's administrator has not enabled the tool. Its name is nothing new to one who asks for it. */
export function refuseTool(toolName: string): RubotError {
  const reason: RefusalReason = 'tool_not_enabled';
  return new RubotError('forbidden', `The tool ${toolName} is not enabled here. Use another one, or ask an administrator to enable it.`, {
    param: 'tool',
    operatorDetail: reason,
  });
}

export function refuseSession(): RubotError {
  const reason: RefusalReason = 'session_of_another_sender';
  return new RubotError('forbidden', 'This session belongs to another sender. Start a session of your own, with an id of its own.', {
    operatorDetail: reason,
  });
}
