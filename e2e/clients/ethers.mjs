// ethers, unchanged, as a wallet and a dapp use it.
import * as ethers from "ethers";
import { artifact, fails, fresh, holds, http, keys, run, same, soon, ws } from "./check.mjs";

const options = { pollingInterval: 50, cacheTimeout: -1 };
const node = new ethers.JsonRpcProvider(http, undefined, options);
const live = new ethers.WebSocketProvider(ws);
const wallet = new ethers.Wallet(keys[2], node);
const delegator = new ethers.Wallet(keys[3], node);
const probe = artifact("Probe");

const send = async (what, transaction) => {
  const receipt = await (await wallet.sendTransaction(transaction)).wait();
  same(`${what} succeeds`, receipt.status, 1);
  return receipt;
};

let contract;
let deployedAt;

await run("ethers", {
  "chain and balances": async () => {
    same("chain id", (await node.getNetwork()).chainId, 61972n);
    holds("block number", (await node.getBlockNumber()) >= 0);
    holds("balance", (await node.getBalance(wallet.address)) > ethers.parseEther("1000"));
    same("balance of nobody", await node.getBalance(fresh()), 0n);
  },
  "transaction types 0, 1 and 2": async () => {
    const { gasPrice } = await node.getFeeData();
    const kinds = [
      { type: 0, gasPrice },
      { type: 1, gasPrice, accessList: [{ address: wallet.address, storageKeys: [ethers.ZeroHash] }] },
      { type: 2 },
    ];
    for (const fields of kinds) {
      const to = fresh();
      const receipt = await send(`type ${fields.type}`, { to, value: 54_321n, ...fields });
      same("type in the receipt", receipt.type, fields.type);
      same("arrives", await node.getBalance(to), 54_321n);
      const transaction = await node.getTransaction(receipt.hash);
      same("type", transaction.type, fields.type);
      same("sender", transaction.from, wallet.address);
    }
  },
  "deploy and call": async () => {
    const factory = new ethers.ContractFactory(probe.abi, probe.bytecode, wallet);
    const deployed = await factory.deploy(41n);
    const receipt = await deployed.deploymentTransaction().wait();
    deployedAt = receipt.blockNumber;
    const address = await deployed.getAddress();
    same("address", receipt.contractAddress, address);
    contract = new ethers.Contract(address, probe.abi, wallet);
    same("code", await node.getCode(address), probe.deployedBytecode);
    same("call", await contract.value(), 41n);
    same("storage", BigInt(await node.getStorage(address, 0)), 41n);
  },
  "estimate, write, logs": async () => {
    const estimate = await contract.set.estimateGas(42n, "0xc0ffee");
    const receipt = await (await contract.set(42n, "0xc0ffee", { gasLimit: estimate })).wait();
    holds("the estimate is near", receipt.gasUsed <= estimate && estimate <= (receipt.gasUsed * 13n) / 10n);
    same("one log", receipt.logs.length, 1);
    const events = await contract.queryFilter(contract.filters.ValueChanged(wallet.address, null, 42n), deployedAt);
    same("one event", events.length, 1);
    same("event", [...events[0].args], [wallet.address, 41n, 42n, "0xc0ffee"]);
    same("value then", await contract.value({ blockTag: receipt.blockNumber }), 42n);
    await (await contract.shout(5n)).wait();
    same("six logs in all", (await node.getLogs({ address: contract.target, fromBlock: deployedAt })).length, 6);
  },
  "EIP-7702 delegation": async () => {
    const delegate = async (address) => delegator.authorize({ address, nonce: await delegator.getNonce() });
    const data = contract.interface.encodeFunctionData("set", [99n, "0x"]);
    const authorizationList = [await delegate(contract.target)];
    const receipt = await send("delegation", { type: 4, to: delegator.address, data, authorizationList });
    same("type", receipt.type, 4);
    same("delegation", await node.getCode(delegator.address), `0xef0100${contract.target.slice(2).toLowerCase()}`);
    const account = new ethers.Contract(delegator.address, probe.abi, node);
    same("runs the code on its own storage", await account.value(), 99n);
    same("authorization list", (await node.getTransaction(receipt.hash)).authorizationList.length, 1);
    const back = [await delegate(ethers.ZeroAddress)];
    await send("taking it back", { type: 4, to: wallet.address, authorizationList: back });
    same("no delegation", await node.getCode(delegator.address), "0x");
  },
  "blocks and fees": async () => {
    const block = await node.getBlock("latest", true);
    same("parent", (await node.getBlock(block.number - 1)).hash, block.parentHash);
    same("by hash", (await node.getBlock(block.hash)).number, block.number);
    const history = await node.send("eth_feeHistory", ["0x3", "latest", [25, 75]]);
    same("fee history lengths", [history.baseFeePerGas.length, history.gasUsedRatio.length, history.reward.length], [4, 3, 3]);
    const fees = await node.getFeeData();
    holds("fees", fees.maxFeePerGas >= fees.maxPriorityFeePerGas);
  },
  "status, synchronous and conditional submission": async () => {
    const draft = async (fields) => wallet.signTransaction(await wallet.populateTransaction({ to: fresh(), value: 1n, ...fields }));
    const nonce = await wallet.getNonce();
    const receipt = await node.send("eth_sendRawTransactionSync", [await draft({ nonce }), 10_000]);
    same("status in the receipt", receipt.status, "0x1");
    const included = await node.send("weir_transactionStatus", [receipt.transactionHash]);
    same("included", [included.status, included.blockHash], ["included", receipt.blockHash]);
    same("unknown", await node.send("weir_transactionStatus", [`0x${"cd".repeat(32)}`]), null);
    await fails("nonce gap", async () => node.send("eth_sendRawTransactionSync", [await draft({ nonce: nonce + 9 })]), /nonce gap/);
    const value = ethers.toBeHex(await contract.value(), 32);
    const when = (expected) => ({ knownAccounts: { [contract.target]: { "0x0": expected } } });
    const conditional = async (known, at) => node.send("eth_sendRawTransactionConditional", [await draft({ nonce: at }), known]);
    await fails("condition", () => conditional(when("0x7"), nonce + 1), /slot differs/);
    const kept = await conditional(when(value), nonce + 1);
    same("kept", (await node.waitForTransaction(kept)).status, 1);
    // It holds on arrival, and no more once the transaction before it is executed.
    const dropped = await conditional(when(value), nonce + 3);
    same("it waits", (await node.send("weir_transactionStatus", [dropped])).missingNonce, ethers.toQuantity(nonce + 2));
    await (await contract.set(7_777n, "0x", { nonce: nonce + 2 })).wait();
    const gone = await node.send("weir_transactionStatus", [dropped]);
    same("dropped", [gone.status, gone.code], ["dropped", "conditionFailed"]);
    await fails("unknown pool", () => conditional({ pools: [{ pool: fresh(), priceAtLeast: "0.5" }] }, nonce + 3), /pool is unknown/);
  },
  "heads and logs over WebSocket": async () => {
    const head = new Promise((resolve) => live.once("block", resolve));
    const filter = { address: contract.target };
    const log = new Promise((resolve) => live.once(filter, resolve));
    await live.getBlockNumber();
    await live.send("eth_blockNumber", []);
    const receipt = await (await contract.set(1_000n, "0x01")).wait();
    const [number, seen] = await soon("a head and a log", Promise.all([head, log]));
    holds("head", number > deployedAt);
    same("log", seen.transactionHash, receipt.hash);
    await live.destroy();
  },
  "errors": async () => {
    const to = fresh();
    const nonce = await wallet.getNonce();
    await fails("nonce too low", () => wallet.sendTransaction({ to, nonce: 0, gasLimit: 21_000 }), /nonce/i);
    const poor = new ethers.Wallet(`0x${"18".repeat(32)}`, node);
    await fails("insufficient funds", () => poor.sendTransaction({ to, value: 1n, gasLimit: 21_000 }), /insufficient funds/i);
    await fails("reason", () => contract.failWithReason(), /the weir is closed/);
    await fails("panic", () => contract.failWithPanic(0n), /division|DIVIDE_BY_ZERO|0x12|panic/i);
    await fails("custom error", () => contract.set.staticCall(1n << 200n, "0x"), /TooLarge/);
    await fails("intrinsic gas", () => wallet.sendTransaction({ to, gasLimit: 20_999 }), /intrinsic gas|gas.*too low/i);
    await fails("unknown method", () => node.send("eth_noSuchMethod", []), /not (found|supported|exist)|does not exist|unsupported|-32601/i);
    same("nothing was sent", await wallet.getNonce(), nonce);
    const failing = await contract.failWithReason.send({ gasLimit: 100_000 }).catch((error) => error);
    // The function is pure: ethers' `send` still makes a transaction of it.
    await fails("failed transaction", () => failing.wait(), /revert/i);
    same("its status", (await node.getTransactionReceipt(failing.hash)).status, 0);
  },
});
