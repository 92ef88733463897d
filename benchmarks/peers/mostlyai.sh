#!/bin/sh
# Makes the environment that benchmarks/peers/mostlyai_fit.py runs in: mostlyai-engine asks for numpy 2 and pandas 3,
# which conflict with our pins. Usage: benchmarks/peers/mostlyai.sh [FOLDER]; PYTHON names the interpreter (3.11).
# torchvision and torchaudio come along for its language models only, and do not load beside a CPU build of torch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../results/env-mostlyai}
[ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --constraint "$here/mostlyai.txt" mostlyai-engine torch
"$folder/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio
"$folder/bin/python" -c "
from importlib.metadata import version
import mostlyai.engine, torch
print('mostlyai-engine', version('mostlyai-engine'), 'on torch', torch.__version__)"
