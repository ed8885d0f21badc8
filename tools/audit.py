"""Ask for known vulnerabilities of what the requirement files pin (`nox -s audit` calls this).

What we live with, and why, stands in tools/audit.toml; anything else that is found is an error, and
so is an entry of that file that is no longer found. Arguments go to pip-audit, which asks OSV.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
ACCEPTED = Path(__file__).with_suffix(".toml")


def findings(requirements, arguments=()):
    """Ask pip-audit about a requirements file.

    Parameters
    ----------
    requirements : Path
        A hashed requirements file.
    arguments : list of str
        Further arguments of pip-audit.

    Returns
    -------
    dict of str to set of str
        Each finding with a line that describes it, and all the names that it goes by.

    Raises
    ------
    SystemExit
        If pip-audit gives no answer, or did not look at a package.
    """
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", requirements),
            *("--disable-pip", "--require-hashes", "--strict", "--vulnerability-service", "osv"),
            *("--format", "json", "--progress-spinner", "off", *arguments),
        ],
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except ValueError:
        sys.exit(f"pip-audit gave no answer about {requirements.name}:\n{result.stderr}")
    found = {}
    for package in packages:
        for finding in package["vulns"]:
            mended = ", ".join(finding["fix_versions"]) or "in no version"
            line = f"{package['name']} {package['version']}: {finding['id']}, mended: {mended}"
            found[line] = {finding["id"], *finding["aliases"]}
    return found


def problems(found, accepted):
    """Compare what was found with what is accepted.

    Parameters
    ----------
    found : dict of str to set of str
        Findings as `findings` gives them.
    accepted : list of dict
        The entries of tools/audit.toml.

    Returns
    -------
    list of str
        A sentence for each problem.
    """
    known = {entry["id"] for entry in accepted}
    names = set().union(*found.values())
    return [line for line, aliases in found.items() if not aliases & known] + [
        f"tools/audit.toml accepts {one}, which is no longer found: take it out."
        for one in sorted(known - names)
    ]


def main(arguments):
    """Run the command; give its exit status."""
    accepted = tomllib.loads(ACCEPTED.read_text()).get("accepted", [])
    found = {}
    for name in REQUIREMENTS:
        found |= findings(ROOT / name, arguments)
    wrong = problems(found, accepted)
    print("\n".join(wrong) or f"Nothing unknown: {len(found)} found and accepted.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
