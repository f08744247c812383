"""`python -m tests.vulnerabilities INDEX`: known vulnerabilities of the container's packages, without pip-audit.

pip-audit asks an index for a page of each package's version, which many mirrors don't have. The page of the package
tells the vulnerabilities of its newest version, so that is asked then; an older pin stays unknown, and is named.
INDEX is the address before NAME/json, as PyPI's JSON API has it.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"


def read_pins(lock: str) -> list[tuple[str, str]]:
    """Name and version of each package."""
    return re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE)


def find_vulnerabilities(name: str, version: str, index: str) -> list[str] | None:
    """The identifiers of those known, with the versions that mend them; None where the index does not tell.

    Raises OSError where the index does not answer, ValueError or KeyError where what it answers is something else.
    """
    for address in (f"{index}/{name}/{version}/json", f"{index}/{name}/json"):
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            continue
        if told["info"]["version"] == version:
            known = [each for each in told["vulnerabilities"] if not each.get("withdrawn")]
            return [f"{each['id']} (mended in {', '.join(each['fixed_in']) or 'none'})" for each in known]
    return None


def main(index: str) -> int:
    """Exit status: 0 none is known, 1 some are, 2 the index does not answer."""
    pins = read_pins(LOCK.read_text(encoding="utf-8"))
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda pin: find_vulnerabilities(*pin, index), pins))
        if all(known is None for known in found):
            raise ValueError("it has no package at its newest version")
    except (OSError, ValueError, KeyError) as error:
        print(f"This is not the address of an index that tells vulnerabilities ({error}).", file=sys.stderr)
        return 2
    told = {f"{name} {version}": known for (name, version), known in zip(pins, found, strict=True)}
    unknown = [package for package, known in told.items() if known is None]
    vulnerable = {package: known for package, known in told.items() if known}
    print(
        f"{len(pins)} packages: {len(pins) - len(unknown)} asked about, {len(vulnerable)} with known vulnerabilities."
    )
    for package, known in vulnerable.items():
        print(f"{package}: {'; '.join(known)}")
    print(f"The index tells nothing of {len(unknown)}, which are not the newest or have no page: {', '.join(unknown)}")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/")) if len(sys.argv) == 2 else __doc__)
