"""web3.py, unchanged, as a script or a bot uses it."""

import asyncio
import json
import os
import sys
from pathlib import Path

from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, Web3RPCError

if len(sys.argv) != 3:
    sys.exit("usage: web3py.py HTTP_URL WS_URL")
HTTP, WS = sys.argv[1:]
PROBE = json.loads((Path(__file__).parent.parent / "artifacts" / "Probe.json").read_text())
# Accounts 4 and 5 of the test mnemonic.
ACCOUNT = Account.from_key("0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a")
DELEGATOR = Account.from_key("0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba")
NODE = Web3(Web3.HTTPProvider(HTTP))


def same(what, found, expected):
    """Two values that must be the same."""
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def holds(what, statement):
    """A statement that must hold."""
    if not statement:
        raise AssertionError(what)


def fails(what, action, kind, *words):
    """An action that must fail with an error of a kind that says one of `words`."""
    try:
        action()
    except kind as error:
        text = f"{error}".lower()
        holds(f"{what}: wrong error: {text}", not words or any(word in text for word in words))
        return
    raise AssertionError(f"{what}: succeeded, and must fail")


def fresh():
    """An address that nobody has used."""
    return Web3.to_checksum_address(os.urandom(20))


def send(transaction, account=ACCOUNT):
    """Completes, signs and sends a transaction, and waits for its receipt."""
    transaction = {"chainId": 61972, "nonce": NODE.eth.get_transaction_count(account.address), **transaction}
    if "gasPrice" not in transaction and "maxFeePerGas" not in transaction:
        base = NODE.eth.get_block("latest")["baseFeePerGas"]
        tip = NODE.eth.max_priority_fee
        transaction |= {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}
    signed = account.sign_transaction(transaction)
    sent = NODE.eth.send_raw_transaction(signed.raw_transaction)
    return NODE.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)


def chain_and_balances(_):
    same("chain id", NODE.eth.chain_id, 61972)
    holds("block number", NODE.eth.block_number >= 0)
    holds("balance", NODE.eth.get_balance(ACCOUNT.address) > Web3.to_wei(1000, "ether"))
    same("balance of nobody", NODE.eth.get_balance(fresh()), 0)
    holds("client version", "/" in NODE.client_version)


def types_0_1_2(_):
    price = NODE.eth.gas_price
    kinds = [
        (0, {"gasPrice": price}),
        (1, {"type": 1, "gasPrice": price, "accessList": [{"address": ACCOUNT.address, "storageKeys": []}]}),
        (2, {"type": 2}),
    ]
    for number, fields in kinds:
        to = fresh()
        receipt = send({"to": to, "value": 777, "gas": 30_000, **fields})
        same(f"type {number} succeeds", (receipt["status"], receipt["type"]), (1, number))
        same(f"type {number} arrives", NODE.eth.get_balance(to), 777)
        same(f"type {number}", NODE.eth.get_transaction(receipt["transactionHash"])["type"], number)


def deploy_and_call(state):
    factory = NODE.eth.contract(abi=PROBE["abi"], bytecode=PROBE["bytecode"])
    data = factory.constructor(41).data_in_transaction
    receipt = send({"data": data, "gas": 1_500_000, "value": 0})
    same("deployment succeeds", receipt["status"], 1)
    state["contract"] = NODE.eth.contract(address=receipt["contractAddress"], abi=PROBE["abi"])
    state["deployed_at"] = receipt["blockNumber"]
    same("code", NODE.eth.get_code(receipt["contractAddress"]).to_0x_hex(), PROBE["deployedBytecode"])
    same("call", state["contract"].functions.value().call(), 41)
    same("storage", int.from_bytes(NODE.eth.get_storage_at(receipt["contractAddress"], 0), "big"), 41)


def estimate_write_logs(state):
    contract = state["contract"]
    call = contract.functions.set(42, b"\xc0\xff\xee")
    estimate = call.estimate_gas({"from": ACCOUNT.address})
    data = contract.encode_abi("set", args=[42, b"\xc0\xff\xee"])
    receipt = send({"to": contract.address, "data": data, "gas": estimate})
    same("the estimate suffices", receipt["status"], 1)
    holds("and is near", receipt["gasUsed"] <= estimate <= receipt["gasUsed"] * 1.3)
    (event,) = contract.events.ValueChanged().process_receipt(receipt)
    same("event", (event["args"]["previous"], event["args"]["next"], event["args"]["note"]), (41, 42, b"\xc0\xff\xee"))
    logs = contract.events.ValueChanged().get_logs(
        from_block=state["deployed_at"], argument_filters={"by": ACCOUNT.address, "next": 42}
    )
    same("one event", len(logs), 1)
    same("value then", contract.functions.value().call(block_identifier=receipt["blockNumber"]), 42)


def delegation(state):
    contract = state["contract"]

    def delegate(address):
        nonce = NODE.eth.get_transaction_count(DELEGATOR.address)
        return DELEGATOR.sign_authorization({"chainId": 61972, "address": address, "nonce": nonce})

    data = contract.encode_abi("set", args=[99, b""])
    receipt = send(
        {"to": DELEGATOR.address, "data": data, "gas": 200_000, "authorizationList": [delegate(contract.address)]}
    )
    same("succeeds", (receipt["status"], receipt["type"]), (1, 4))
    code = NODE.eth.get_code(DELEGATOR.address).to_0x_hex()
    same("delegation", code, "0xef0100" + contract.address[2:].lower())
    account = NODE.eth.contract(address=DELEGATOR.address, abi=PROBE["abi"])
    same("runs the code on its own storage", account.functions.value().call(), 99)
    send({"to": ACCOUNT.address, "gas": 100_000, "authorizationList": [delegate("0x" + "00" * 20)]})
    same("no delegation", NODE.eth.get_code(DELEGATOR.address), b"")


def blocks_and_fees(_):
    block = NODE.eth.get_block("latest", full_transactions=True)
    same("parent", NODE.eth.get_block(block["number"] - 1)["hash"], block["parentHash"])
    same("by hash", NODE.eth.get_block(block["hash"])["number"], block["number"])
    history = NODE.eth.fee_history(3, "latest", [25, 75])
    lengths = [len(history[key]) for key in ("baseFeePerGas", "gasUsedRatio", "reward")]
    same("fee history lengths", lengths, [4, 3, 3])


def heads_and_logs(state):
    contract = state["contract"]

    async def follow():
        async with AsyncWeb3(WebSocketProvider(WS)) as live:
            heads = await live.eth.subscribe("newHeads")
            logs = await live.eth.subscribe("logs", {"address": contract.address})
            data = contract.encode_abi("set", args=[1000, b"\x01"])
            receipt = await asyncio.to_thread(send, {"to": contract.address, "data": data, "gas": 100_000})
            wanted = {heads, logs}
            async for message in live.socket.process_subscriptions():
                if message["subscription"] == logs:
                    same("log", message["result"]["transactionHash"], receipt["transactionHash"])
                else:
                    holds("head", message["result"]["number"] > state["deployed_at"])
                wanted.discard(message["subscription"])
                if not wanted:
                    return

    asyncio.run(asyncio.wait_for(follow(), timeout=30))


def errors(state):
    contract, to = state["contract"], fresh()
    nonce = NODE.eth.get_transaction_count(ACCOUNT.address)
    fails("nonce too low", lambda: send({"to": to, "gas": 21_000, "value": 0, "nonce": 0}), Web3RPCError, "nonce too low")
    poor = Account.from_key("0x" + "19" * 32)
    fails("insufficient funds", lambda: send({"to": to, "gas": 21_000, "value": 1}, poor), Web3RPCError, "insufficient funds")
    fails("intrinsic gas", lambda: send({"to": to, "gas": 20_999, "value": 0}), Web3RPCError, "intrinsic gas")
    functions = contract.functions
    fails("reason", lambda: functions.failWithReason().call(), ContractLogicError, "the weir is closed")
    fails("panic", lambda: functions.failWithPanic(0).call(), ContractPanicError, "zero")
    fails("custom error", lambda: functions.set(1 << 200, b"").call(), ContractCustomError)
    answer = NODE.provider.make_request("eth_noSuchMethod", [])
    same("unknown method", answer["error"]["code"], -32601)
    same("nothing was sent", NODE.eth.get_transaction_count(ACCOUNT.address), nonce)
    failed = send({"to": contract.address, "data": contract.encode_abi("failWithReason"), "gas": 100_000})
    same("failed transaction", failed["status"], 0)


STEPS = {
    "chain and balances": chain_and_balances,
    "transaction types 0, 1 and 2": types_0_1_2,
    "deploy and call": deploy_and_call,
    "estimate, write, logs": estimate_write_logs,
    "EIP-7702 delegation": delegation,
    "blocks and fees": blocks_and_fees,
    "heads and logs over WebSocket": heads_and_logs,
    "errors": errors,
}

if __name__ == "__main__":
    shared = {}
    for name, step in STEPS.items():
        try:
            step(shared)
        except Exception as error:  # noqa: BLE001, the message names the step
            sys.exit(f"web3.py: {name}: {type(error).__name__}: {error}")
        print(f"web3.py: {name}: ok", flush=True)
