import {
  eventSchemas,
  launchSpecSchema,
  paramSchemas,
  recordedInfoSchema,
  resultSchemas,
  taskInfoSchema,
  taskRecordSchema,
  validate,
} from '@bgtask/protocol'
import { decode, encode } from '@bgtask/protocol/rpc'
import { describe, expect, test } from 'vitest'

const EVENT_NAMES = Object.keys(eventSchemas) as (keyof typeof eventSchemas)[]
const METHOD_NAMES = Object.keys(paramSchemas) as (keyof typeof paramSchemas)[]

import { conformanceChecks } from '../src/index.js'
import { demandsWithoutId, documents, type Example, examples, section, sentences } from './support/documents.js'
import { unchecked } from './support/unchecked.js'

describe('sentences', () => {
  test('ids are unique, and nothing is demanded without one', () => {
    const ids = sentences.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.length).toBeGreaterThan(100)
    expect(demandsWithoutId()).toEqual([])
  })

  const checks = [...conformanceChecks(), ...conformanceChecks({ profile: 'client', driverCmd: ['driver'] })]

  test.each(sentences)('$id has a check of its profile and level, or a reason why not', ({ id, core, level }) => {
    const own = checks.filter(({ ids }) => ids.includes(id))
    expect(own.length === 0, `${id}: checks ${own.map(({ title }) => title)}, reason ${unchecked[id]}`).toBe(
      id in unchecked,
    )
    if (own.length === 0) return
    expect(own.some((check) => level === 'should' || check.level === 'must')).toBe(true)
    expect(own.some((check) => check.profile === 'core')).toBe(core)
  })

  test('checks and reasons are of sentences that are there', () => {
    const ids = sentences.map(({ id }) => id)
    expect(
      [...checks.flatMap((check) => check.ids), ...Object.keys(unchecked)].filter((id) => !ids.includes(id)),
    ).toEqual([])
  })

  test('titles of checks are unique', () => {
    const titles = checks.map(({ title }) => title)
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
  })
})

describe('examples', () => {
  test.each(examples)('$where: the hex is what the line below says, and as the contract has it', (example) => {
    expect(decode(example.bytes)).toEqual(example.value)
    expect(encode(example.value).toString('hex')).toBe(example.bytes.toString('hex'))
    expect(problemOf(example)).toBeUndefined()
  })

  test.each(METHOD_NAMES)('%s has a request and a response', (method) => {
    const kinds = examples.filter(({ name, value }) => name === method || (value as unknown[])[2] === method)
    expect(new Set(kinds.map(({ kind }) => kind))).toEqual(new Set(['request', 'response']))
  })

  test.each(EVENT_NAMES)('%s has a notification', (event) => {
    expect(examples.some(({ kind, name }) => kind === 'notification' && name === event)).toBe(true)
  })

  test('the record is one', () => {
    const [, json = ''] = /```json record\n([\s\S]+?)```/.exec(documents[2]?.text ?? '') ?? []
    expect(validate(taskRecordSchema, JSON.parse(json)).invalid).toBeUndefined()
  })
})

/** What does not fit the schema that the packages go by. */
function problemOf({ kind, name, value }: Example): unknown {
  const message = value as [number, never, never, never]
  switch (kind) {
    case 'spec':
      return validate(launchSpecSchema, value).invalid
    case 'request':
      return validate(paramSchemas[name as keyof typeof paramSchemas], (message[3] as unknown[])[0]).invalid
    case 'response':
      if (name === '') return message[2] === null ? 'no error' : undefined
      return validate(resultSchemas[name as keyof typeof resultSchemas], message[3]).invalid
    case 'notification':
      if (name === 'error') return undefined
      return validate(eventSchemas[name as keyof typeof eventSchemas], (message[2] as unknown[])[0]).invalid
  }
}

describe('the documents name every field that the packages know', () => {
  test.each(METHOD_NAMES)('parameters and result of %s', (method) => {
    const known = [...keysOf(paramSchemas[method]), ...keysOf(resultSchemas[method])]
    const text = section('wire', `### \`${method}\``)
    expect(known.filter((key) => !text.includes(`\`${key}\``))).toEqual([])
  })

  test.each(EVENT_NAMES)('the event %s', (event) => {
    const row =
      section('wire', '## Events')
        .split('\n')
        .find((line) => line.startsWith(`| \`${event}\``)) ?? ''
    expect(keysOf(eventSchemas[event]).filter((key) => !row.includes(`\`${key}\``))).toEqual([])
    expect(row).not.toBe('')
  })

  test('the spec', () => {
    const text = section('launch', '## The spec')
    expect(keysOf(launchSpecSchema).filter((key) => !text.includes(`| \`${key}\` |`))).toEqual([])
  })

  test('info and record', () => {
    const streams = taskInfoSchema.entries.streams.entries
    const text = section('wire', '### `getInfo`')
    const known = [
      taskInfoSchema,
      recordedInfoSchema,
      recordedInfoSchema.entries.exitStatus.wrapped,
      streams[1],
      streams[0],
    ].flatMap(keysOf)
    expect(known.filter((key) => !text.includes(`\`${key}\``))).toEqual([])
    const record = section('pool-directory', '## The record')
    expect(keysOf(taskRecordSchema).filter((key) => !record.includes(key))).toEqual([])
  })
})

/** Keys of an object schema, however it is wrapped. */
function keysOf(schema: unknown): string[] {
  const { entries, wrapped } = schema as { entries?: object; wrapped?: unknown }
  if (entries !== undefined) return Object.keys(entries)
  return wrapped === undefined ? [] : keysOf(wrapped)
}
