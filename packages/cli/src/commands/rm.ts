import { removeTarget } from '../remove.js'
import { examples, poolCommand } from './common.js'
import { eachTarget } from './each-target.js'

export function rmCommand() {
  return poolCommand('rm')
    .description('remove tasks that have ended, and their output')
    .argument('<id...>')
    .option('-f, --force', 'stop running tasks first')
    .addHelpText('after', examples('bgtask rm build', 'bgtask rm -f $(bgtask ls -aq)'))
    .action((ids, options) =>
      eachTarget(ids, options, async (target) => {
        await removeTarget(target, options)
        return undefined
      }),
    )
}
