"""Writes what the program is made of as CycloneDX 1.5 JSON.

    python3 scripts/make_sbom.py > sbom.cdx.json

Every crate of the lock file that `spinenav` links, with version, licence,
checksum and what depends on what; from `cargo metadata` and `Cargo.lock`
alone, without the network and without other tools.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def checksums():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def linked(nodes, start):
    """Packages reached from `start` without those only tests need."""
    found, waiting = set(), [start]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums):
    entry = {
        "type": "library",
        "bom-ref": reference(package),
        "purl": reference(package),
        "name": package["name"],
        "version": package["version"],
        "description": (package.get("description") or "").strip(),
        "licenses": [{"expression": (package.get("license") or "NOASSERTION").replace("/", " OR ")}],
    }
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def main():
    data, sums = metadata(), checksums()
    packages = {p["id"]: p for p in data["packages"]}
    nodes = {n["id"]: n for n in data["resolve"]["nodes"]}
    program = next(p for p in packages.values() if p["name"] == "nav_app")
    found = sorted(linked(nodes, program["id"]), key=lambda i: reference(packages[i]))
    depends = [
        {
            "ref": reference(packages[i]),
            "dependsOn": sorted({reference(packages[d["pkg"]]) for d in nodes[i]["deps"] if d["pkg"] in found}),
        }
        for i in found
    ]
    top = component(program, sums) | {"type": "application", "name": "spinenav"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": top},
        "components": [component(packages[i], sums) for i in found if i != program["id"]],
        "dependencies": depends,
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
