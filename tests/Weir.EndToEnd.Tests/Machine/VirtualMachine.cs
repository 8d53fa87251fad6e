// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A machine with a kernel of its own, emulated (scripts/vm-host.sh): for what this machine's kernel cannot do.
/// Its files are not within reach of the test; its commands are.</summary>
/// <param name="parameters">Of its kernel.</param>
internal sealed class VirtualMachine(string parameters) : Sandbox(
    Path.Combine(RepoRoot, "scripts/vm-host.sh"), "serving", [Weir, "2400", .. parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
{
    private static readonly string _remote = Path.Combine(RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/remote.py");

    public override int Patience => 4;

    public override void WriteFile(string path, string text) => Run(["tee", path], text).OrFail();

    protected override ProcessStartInfo StartInfo(string[] command, string? folder) => new("nsenter", [
        "-t", Pid.ToString(CultureInfo.InvariantCulture), "--net", "--", "python3", _remote, "run", "7000", folder ?? RepoRoot, .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    protected override ProcessStartInfo ElsewhereInfo(string netns, string[] command) =>
        StartInfo(["ip", "netns", "exec", netns, .. command], null);
}
