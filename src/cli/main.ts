#!/usr/bin/env node
/** The executable. Only what is loaded after `keepCompiledCode` is not compiled anew each time. */
import { keepCompiledCode } from '../config/environment.ts'

keepCompiledCode()
const { runCommandLine } = await import('./command-line.ts')
await runCommandLine()
