import { isTokenSender } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';

/** Such a sender is bound when its token is issued, and unbound when it is revoked. @throws RubotError `invalid_request` */
export function assertNoTokenSender(senderId: string): void {
  if (!isTokenSender(senderId)) return;
  throw new RubotError('invalid_request', `Sender ${senderId} stands for an API token. Issue or revoke the token instead.`, {
    param: 'sender_id',
  });
}
