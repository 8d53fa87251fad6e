// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Weir.Testing;

/// <summary>A tc program that is not Weir's and lets everything pass: nothing after it in the chain sees a packet.</summary>
public static class ForeignProgram
{
    /// <summary>Its name in the object.</summary>
    public const string Name = "ok";

    private static readonly Lazy<string> _path = new(Compile);

    /// <summary>The compiled object; the program is in section "tc".</summary>
    public static string Path => _path.Value;

    private static string Compile()
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"weir-ok-{Environment.ProcessId}.o");
        using Process clang = Process.Start(new ProcessStartInfo(
            "sh",
            ["-c", $"echo '__attribute__((section(\"tc\"), used)) int {Name}(void *c) {{ return 0; }}' | $(command -v clang-19 || command -v clang-18 || command -v clang) -target bpf -O2 -g -x c -c - -o {path}"]))!;
        clang.WaitForExit();
        return clang.ExitCode == 0 ? path : throw new InvalidOperationException("clang cannot compile a BPF program: install clang-19");
    }
}
