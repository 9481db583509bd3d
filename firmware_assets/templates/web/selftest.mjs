// Does this machine compute what the PC computed? node selftest.mjs
import { Spotter } from "./lib/spotter.js";

const checks = (await Spotter.load()).selfTest();
for (const { check, where, passed } of checks) console.log(passed ? "ok    " : "FAILED", check, where);
const failed = checks.length === 0 || checks.some(({ passed }) => !passed);
console.log(`self-test ${failed ? "FAILED" : "PASSED"}`);
process.exitCode = failed ? 1 : 0;
