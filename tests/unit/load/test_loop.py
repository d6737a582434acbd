import asyncio

from tenfold.load import new_loop

PAUSE_SECONDS = 0.0003


async def least_lateness_of_short_sleeps() -> float:
    loop = asyncio.get_running_loop()
    late = []
    for _ in range(200):
        due = loop.time() + PAUSE_SECONDS
        await asyncio.sleep(PAUSE_SECONDS)
        late.append(loop.time() - due)
    return min(late)


def test_sleeps_are_finer_than_a_millisecond() -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        # a loop on epoll alone rounds 0.3 ms up to 1 ms: 0.7 ms late
        assert runner.run(least_lateness_of_short_sleeps()) < 0.0005


def test_sockets_wake_it_while_it_waits_for_a_timer() -> None:
    async def echo() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1") as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            async with asyncio.timeout(30):
                line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(echo()) == b"hello\n"
