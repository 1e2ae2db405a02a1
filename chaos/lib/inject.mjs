import { holder, lock, ownDescriptor, process, socket } from './injections/leftovers.mjs'
import { foreign, survivors } from './injections/signals.mjs'
import { descriptor, exit, found, handle, orphan, recorded, stream, supervisor } from './injections/tasks.mjs'

/**
 * For each check something that is really wrong, which it must find: made right before the check, undone by the function
 * that it gives.
 */
export const INJECTIONS = {
  orphan,
  supervisor,
  exit,
  recorded,
  found,
  handle,
  holder,
  stream,
  descriptor,
  survivors,
  foreign,
  lock,
  process,
  socket,
  'own-descriptor': ownDescriptor,
}
