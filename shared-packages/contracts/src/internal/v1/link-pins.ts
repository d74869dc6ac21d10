import { z } from 'zod';
import { SenderId } from '../../ids.ts';

export const LINK_PIN_TTL_SECONDS = 300;
export const LINK_PIN_MAX_WRONG_TRIES = 5;

export const LinkPin = z.string().regex(/^[0-9]{6}$/, 'must be 6 digits');

/** `POST /admin/tenants/:tenant/link-pins` */
export const CreateLinkPin = z.strictObject({
  /** The only sender that may use it. Only that sender's wrong tries count against it then. */
  sender_id: SenderId.optional(),
});
export type CreateLinkPin = z.infer<typeof CreateLinkPin>;

/** Told once. */
export const CreatedLinkPin = z.looseObject({ pin: z.string(), tenant_id: z.string(), expires_at: z.string() });
export type CreatedLinkPin = z.infer<typeof CreatedLinkPin>;

/** `POST /v1/link` at the gateway: the sender of the request's headers uses the PIN. */
export const UseLinkPin = z.strictObject({ pin: LinkPin });
export type UseLinkPin = z.infer<typeof UseLinkPin>;

/** `POST /internal/link-pins/use` at the middleware. */
export const UseLinkPinInternally = z.object({ pin: LinkPin, sender_id: SenderId });
export type UseLinkPinInternally = z.infer<typeof UseLinkPinInternally>;

/** Who was not linked is an answer: the gateway says it to a person or to a program. */
export const UseLinkPinResponse = z.discriminatedUnion('status', [
  z.looseObject({ status: z.literal('linked'), tenant_id: z.string(), tenant_name: z.string() }),
  /** Wrong, used, burned, expired, or for another sender: whoever guesses is not told which. */
  z.looseObject({ status: z.literal('refused') }),
  /** The sender belongs to another tenant, and stays there until it is unlinked. */
  z.looseObject({ status: z.literal('linked_elsewhere') }),
  z.looseObject({ status: z.literal('too_many_tries'), retry_after_seconds: z.number().int() }),
]);
export type UseLinkPinResponse = z.infer<typeof UseLinkPinResponse>;
