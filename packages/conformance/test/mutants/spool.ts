import type { Mutant } from '../support/mutant.js'

export const spoolMutants: readonly Mutant[] = [
  ['reports-before-it-writes', 'bytes are in files before they are reported, and so is an exit', /bytes in files when/],
  ['reads-no-files', 'output that memory does not hold is read from files', /reads of/],
  [
    'keeps-twice-as-much-in-files',
    'files are bounded, full, and say in their names where they begin',
    /bytes in files, with maxBytes/,
  ],
  [
    'never-blocks-for-files',
    'with overflow block a file stays until its bytes were discarded, and the child waits',
    /is blocked/,
  ],
  ['writes-big-endian', 'the order of reading is in files', /the entries in files/],
  [
    'keeps-the-modes-of-its-umask',
    'files and their directory have the modes that access says, whatever the umask',
    /modes of the directory/,
  ],
  ['hides-what-failed', 'a file that cannot be made is reported, and the child goes on', /error of stdout/],
  [
    'takes-any-directory',
    'the directory of another task is left alone, and fails the launch',
    /the error of the launch/,
  ],
  [
    'leaves-its-directory',
    'the files go with the supervisor and with a failed launch, and others stay',
    /nothing is left|whether the directory/,
  ],
  ['removes-its-files-in-any-case', 'the files stay if a stop left survivors', /the output of a task that still runs/],
  ['takes-any-spool', 'a wrong spool fails the launch', /the pid of a ready line, with spool/],
  ['reads-at-least-a-byte', 'a read with maxBytes 0 waits, and returns the offset of the next byte', /./],
]
