#!/usr/bin/env node
// Compiles contracts/*.sol with npm's solc into e2e/artifacts/NAME.json: {abi, bytecode, deployedBytecode}.
// Does nothing when every artifact was made from the same sources, settings and compiler.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const contracts = join(root, "contracts");
const artifacts = join(root, "e2e", "artifacts");
const packages = createRequire(join(root, "e2e", "package.json"));

// No metadata hash: the same source gives the same bytecode on every machine, whatever its paths.
const settings = {
  optimizer: { enabled: true, runs: 10_000 },
  evmVersion: "cancun",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

const sources = {};
for (const file of readdirSync(contracts).filter((name) => name.endsWith(".sol")).sort()) {
  sources[file] = { content: readFileSync(join(contracts, file), "utf8") };
}
const version = packages("solc/package.json").version;
const digest = createHash("sha256").update(JSON.stringify({ version, settings, sources })).digest("hex");
const stamp = join(artifacts, ".stamp");
if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) process.exit(0);

const solc = packages("solc");
const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
// 2394 warns that transient storage outlives a call: Swapper clears its slot after every call.
const problems = (output.errors ?? []).filter((problem) => problem.errorCode !== "2394");
for (const problem of problems) console.error(problem.formattedMessage);
if (problems.some((problem) => problem.severity === "error")) process.exit(1);

mkdirSync(artifacts, { recursive: true });
let written = 0;
for (const [file, units] of Object.entries(output.contracts)) {
  for (const [name, { abi, evm }] of Object.entries(units)) {
    if (evm.bytecode.object === "") continue; // an interface
    const path = join(artifacts, `${name}.json`);
    const artifact = {
      contractName: name,
      source: file,
      compiler: version,
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      deployedBytecode: `0x${evm.deployedBytecode.object}`,
    };
    // Written aside and renamed, so that a reader never finds half a file.
    writeFileSync(`${path}.new`, `${JSON.stringify(artifact, null, 1)}\n`);
    renameSync(`${path}.new`, path);
    written += 1;
  }
}
writeFileSync(stamp, digest);
console.error(`compiled ${written} contracts with solc ${version} into e2e/artifacts`);
