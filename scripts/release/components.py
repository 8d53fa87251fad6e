#!/usr/bin/env python3
"""What is linked into the executable, as the build resolved it.

  components.py ASSETS sbom VERSION PROCESSOR    a CycloneDX document
  components.py ASSETS licences                  who wrote it, and under which licences

Read from the project.assets.json that build.sh leaves beside the executable, from the packages it names, and from the packages of the
system that the native libraries are from.
"""
import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

TEXTS = Path("deploy/package/licences")
SYSTEM_TEXTS = Path("/usr/share/common-licenses")
# The package, and under which licence it is used: the project's choice, where a package leaves one.
NATIVE = {"libbpf-dev": "BSD-2-Clause", "libelf-dev": "LGPL-3.0-or-later", "zlib1g-dev": "Zlib"}


def packages():
    """NuGet packages with code that is linked in, and the runtime's, sorted: (name, version, folder)."""
    assets = json.loads(Path(sys.argv[1]).read_text())
    folders = [Path(folder) for folder in assets["packageFolders"]]
    found = set()
    for target in assets["targets"].values():
        for key, package in target.items():
            if package["type"] == "package" and any(name.endswith(".dll") for name in package.get("runtime", {})):
                found.add(tuple(key.split("/")))
    for framework in assets["project"]["frameworks"].values():
        for pack in framework.get("downloadDependencies", []):
            # The executable's runtime, and the framework's code; not the compiler, and not the runtime that compiles as it runs.
            if re.match(r"Microsoft\.(AspNetCore\.App\.Runtime|NETCore\.App\.Runtime\.NativeAOT)\.", pack["name"]):
                found.add((pack["name"], pack["version"].strip("[]").split(",")[0]))
    for name, version in sorted(found, key=lambda one: one[0].lower()):
        folder = next(f for f in (root / name.lower() / version for root in folders) if f.is_dir())
        yield name, version, folder


def nuspec(folder, element):
    text = next(folder.glob("*.nuspec")).read_text(encoding="utf-8-sig")
    match = re.search(rf"<{element}(?: [^>]*)?>([^<]*)</{element}>", text)
    return match.group(1).strip() if match else ""


def licence(folder):
    """An SPDX expression; the runtime's packs say by a file that theirs is MIT."""
    found = nuspec(folder, "license")
    return "MIT" if not found or found.upper().endswith(".TXT") else found


def native():
    """(name, version, licence) of what the system's archive gave."""
    for name, spdx in NATIVE.items():
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True).stdout
        yield name, version or "unknown", spdx


def sbom(version, processor):
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    system = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    vendor = system.get("ID", "linux").strip('"')
    components = []
    for name, at, folder in packages():
        hashes = [{"alg": "SHA-512", "content": base64.b64decode(path.read_text().strip()).hex()} for path in folder.glob("*.sha512")]
        reference = f"pkg:nuget/{name}@{at}"
        components.append({"type": "library", "bom-ref": reference, "name": name, "version": at, "purl": reference,
                           "hashes": hashes, "licenses": [{"expression": licence(folder)}]})
    for name, at, spdx in native():
        reference = f"pkg:deb/{vendor}/{name}@{at}"
        components.append({"type": "library", "bom-ref": reference, "name": name, "version": at, "purl": reference,
                           "licenses": [{"expression": spdx}]})
    own = f"pkg:generic/weir@{version}?arch={processor}"
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                     "component": {"type": "application", "bom-ref": own, "name": "weir", "version": version, "purl": own,
                                   "licenses": [{"expression": "Apache-2.0 AND GPL-2.0-only"}]}},
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    # A number that tells documents apart, and is the same for the same.
    document["serialNumber"] = "urn:uuid:" + str(uuid.UUID(bytes=hashlib.sha256(json.dumps(document).encode()).digest()[:16], version=4))
    print(json.dumps(document, indent=2))


def licences():
    print(Path("LICENSE").read_text().strip())
    print("\nLinked in:\n")
    listed = [(name, version, licence(folder), nuspec(folder, "copyright")) for name, version, folder in packages()]
    listed += [(name, version, spdx, "") for name, version, spdx in native()]
    for name, version, spdx, copyright in listed:
        print(f"{name} {version}: {spdx}" + (f". {copyright}" if copyright else ""))
    texts = {"Apache-2.0": SYSTEM_TEXTS / "Apache-2.0", "GPL-2.0-only (programs in the kernel)": SYSTEM_TEXTS / "GPL-2",
             "LGPL-3.0 (libelf)": SYSTEM_TEXTS / "LGPL-3", "GPL-3.0, which LGPL-3.0 refers to": SYSTEM_TEXTS / "GPL-3",
             "MIT": TEXTS / "MIT.txt", "BSD-3-Clause": TEXTS / "BSD-3-Clause.txt"}
    for name in NATIVE:
        texts[f"{name}, as its authors say"] = Path(f"/usr/share/doc/{name}/copyright")
    for name, _, folder in packages():
        for notices in sorted(path for path in folder.glob("*") if path.name.upper().startswith("THIRD-PARTY-NOTICES")):
            texts[f"what is in {name}"] = notices
    for title, path in texts.items():
        print(f"\n\n{'=' * 78}\n{title}\n{'=' * 78}\n")
        print(path.read_text(encoding="utf-8-sig", errors="replace").strip())


if len(sys.argv) == 5 and sys.argv[2] == "sbom":
    sbom(sys.argv[3], sys.argv[4])
elif len(sys.argv) == 3 and sys.argv[2] == "licences":
    licences()
else:
    sys.exit(__doc__)
