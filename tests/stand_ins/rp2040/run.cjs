// Runs a program for RP2040 in rp2040js and prints its serial port: node run.cjs ROM FLASH, until a line begins "self-test ".
const { readFileSync } = require("node:fs");
const { Simulator } = require("rp2040js");

const simulator = new Simulator();
const chip = simulator.rp2040;
const quiet = () => {};
chip.logger = { debug: quiet, info: quiet, warn: quiet, error: (...said) => console.error(...said) };
const fail = (said) => {
  const { PC, LR } = chip.core;
  console.error(`${said}, at 0x${PC.toString(16)}, called from 0x${(LR >>> 0).toString(16)}`);
  process.exit(2);
};
const rom = readFileSync(process.argv[2]);
chip.loadBootrom(new Uint32Array(rom.buffer.slice(rom.byteOffset, rom.byteOffset + rom.length)));
chip.bootrom.fill(0xbebebebe, rom.length / 4); // what is behind it is breakpoints too
chip.onBreak = () => fail("a breakpoint: the boot ROM has no such function");
for (const name of ["writeUint8", "writeUint16", "writeUint32"]) {
  const write = chip[name].bind(chip);
  chip[name] = (address, value) => (address >>> 0 < 0x4000 ? fail("a write into the boot ROM") : write(address, value));
}
chip.flash.set(readFileSync(process.argv[3]));
chip.core.PC = 0x10000000;
let line = "";
chip.uart[0].onByte = (byte) => {
  if (byte !== 10) return void (line += byte === 13 ? "" : String.fromCharCode(byte));
  console.log(line);
  if (line.startsWith("self-test ")) process.exit(line.endsWith("PASSED") ? 0 : 1);
  line = "";
};
simulator.execute();
