#!/usr/bin/env node
/**
 * The executable. JavaScript, as is the first thing it loads: to take the types out of a file, Node loads
 * a compiler of 18 MB. Everything after that comes from the cache, and is not compiled anew each time.
 */
import { keepCompiledCode } from '../config/compile-cache.js'

keepCompiledCode()
const { runCommandLine } = await import('./command-line.ts')
await runCommandLine()
