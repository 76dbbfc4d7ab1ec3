"""The README's examples, run as they stand there."""

import asyncio
import os
import re
import sys
from pathlib import Path

from backbone import Backbone

README = Path(__file__).resolve().parents[2] / "README.md"


async def test_the_examples_exchange_a_document(backbone: Backbone, tmp_path: Path) -> None:
    """The sender's example ends when the receiver's has acknowledged."""
    examples = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(examples) == 2
    running = []
    for number, example in enumerate(examples):
        path = tmp_path / f"example_{number}.py"
        path.write_text(example, "utf-8")
        running.append(
            await asyncio.create_subprocess_exec(
                sys.executable, str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    "LIENTHONG_HOME": str(backbone.settings.home),
                    "LIENTHONG_BOOTSTRAP": backbone.settings.bootstrap,
                },
            )
        )  # fmt: skip
    said = [(await process.communicate(), process.returncode) for process in running]

    assert [0, 0] == [code for _, code in said], said
    assert "acknowledged" in said[0][0][0].decode()
    assert "G22 Báo cáo tuần ['bao_cao.txt']" in said[1][0][0].decode()
