import * as v from 'valibot'
import {
  accessSchema,
  argvSchema,
  behaviorSchema,
  countSchema,
  durationMsSchema,
  environmentSchema,
  featuresSchema,
  kernelTextSchema,
  lingerMsSchema,
  metaSchema,
  overflowSchema,
  PROTOCOL_VERSION,
  restartPolicySchema,
  spoolSchema,
  stopStepsSchema,
  taskIdSchema,
  timeSchema,
} from './fields.js'

/** Environment and argv of a process are bounded by the kernel at a few MiB; the spec that carries them too. */
export const MAX_SPEC_BYTES = 8 * 1024 * 1024

const absolutePathSchema = v.pipe(kernelTextSchema, v.startsWith('/', 'must be an absolute path'))

const resumedOutputSchema = v.object({ endOffset: countSchema })

const resumeSchema = v.object({
  supervisorPid: countSchema,
  run: countSchema,
  restarts: countSchema,
  createdAt: timeSchema,
  streams: v.object({ 1: resumedOutputSchema, 2: resumedOutputSchema }),
})
export type Resume = v.InferOutput<typeof resumeSchema>

/** The launch spec: one msgpack map on the supervisor's stdin (docs/launch.md). Unknown keys are ignored, so that it can grow. */
export const launchSpecSchema = v.object({
  v: v.literal(PROTOCOL_VERSION),
  taskId: taskIdSchema,
  /** argv; `cmd` has become `['/bin/sh', '-c', cmd]`. */
  exec: argvSchema,
  /** The child's whole environment; the supervisor adds only `BGTASK_SUPERVISOR_PID`. */
  env: environmentSchema,
  cwd: absolutePathSchema,
  umask: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777)),
  behavior: behaviorSchema,
  meta: metaSchema,
  /** Bytes kept per output stream. */
  maxReadBufSize: v.pipe(countSchema, v.minValue(1)),
  overflow: overflowSchema,
  lockfile: v.nullable(absolutePathSchema),
  stdin: v.picklist(['pipe', 'null']),
  stop: stopStepsSchema,
  restart: restartPolicySchema,
  /** The child is stopped after this long (ms) in one run, with `cause: 'timeout'`; null for no limit. */
  maxRuntimeMs: v.nullable(v.pipe(durationMsSchema, v.minValue(1))),
  poolPath: absolutePathSchema,
  access: accessSchema,
  /** Output is kept in files as well; null for not. Needs the feature `spool`. */
  spool: v.optional(v.nullable(spoolSchema), null),
  /** The supervisor leaves so long (ms) after the last run; null for never. Needs the feature `linger`. */
  lingerMs: lingerMsSchema,
  /** Whether the spec is kept in the task's directory, so that a retired task can be started again. */
  keepSpec: v.optional(v.boolean(), true),
  /** What the record of a retired task says that is started again. */
  resume: v.optional(v.nullable(resumeSchema), null),
  /** Features that this spec relies on: a supervisor that lacks one fails the launch. */
  needs: featuresSchema,
})
export type LaunchSpec = v.InferOutput<typeof launchSpecSchema>
