// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The executable under test, packed as a release is; not as small as one, to be quick.</summary>
public sealed class Packages : IDisposable
{
    internal const string Version = "9.9.0";

    public Packages() => Pack(Folder, Version);

    /// <summary>Where the files of that release are.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("weir-packages.").FullName;

    internal static string Processor { get; } = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64";

    internal static string Deb(string version) => $"weir_{version}_{(Processor == "aarch64" ? "arm64" : "amd64")}.deb";

    internal static string Rpm(string version) => $"weir-{version}.{Processor}.rpm";

    internal static string Archive(string version) => $"weir-{version}-linux-{Processor}.tar.gz";

    internal static string Image(string version) => $"weir-{version}-image-{Processor}.tar.gz";

    /// <summary>Packs the same executable as another version.</summary>
    internal static void Pack(string folder, string version)
    {
        ProcessStartInfo start = new(Path.Combine(Sandbox.RepoRoot, "scripts/release/pack.sh"), [Sandbox.Weir, version, Processor, "/", folder])
        {
            WorkingDirectory = Sandbox.RepoRoot,
            RedirectStandardError = true,
            Environment = { ["SOURCE_DATE_EPOCH"] = "1700000000", ["WEIR_COMPRESSION"] = "1" },
        };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(error);
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
