"""The client of KServe as it comes, in an environment of its own: it needs an older pandas than this project."""

from __future__ import annotations

import json
import subprocess

from bench.environments import python_of
from tests.serving.http.processes import basket

CLIENT = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

async def main(url):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answers = [await client.is_server_live(url), await client.is_server_ready(url)]
    answers.append(await client.is_model_ready(url, "basket"))
    for binary in (True, False):
        inputs = [InferInput("basket_id", [2], "BYTES"), InferInput("amount", [2], "FP64")]
        inputs[0].set_data_from_numpy(np.array(["a", "b"], object), binary_data=binary)
        inputs[1].set_data_from_numpy(np.array([3.0, float("nan")]), binary_data=binary)
        got = await client.infer(url, InferRequest("basket", inputs, request_id="q"), model_name="basket")
        answers.append([got.id, {one.name: one.data for one in got.outputs}])
    print(json.dumps(answers))

asyncio.run(main(sys.argv[1]))
"""


def test_the_client_of_kserve_as_it_comes(tmp_path):
    python = python_of("kserve")
    with basket(tmp_path) as server:
        ran = subprocess.run([python, "-W", "ignore", "-c", CLIENT, server.url], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    live, ready, model, *answers = json.loads(ran.stdout.splitlines()[-1])
    assert (live, ready, model) == (True, True, True)
    for id, outputs in answers:
        assert (id, outputs["prediction"], outputs["trust"]) == ("q", [3.0, None], ["ok", "unreliable"])
