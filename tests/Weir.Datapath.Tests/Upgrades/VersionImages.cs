// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>The compiled datapath of another version: this one's sources with some lines changed.</summary>
internal sealed class VersionImages : IDisposable
{
    private static readonly string _root = typeof(VersionImages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;
    private static readonly string _clang = ((string[])["clang-19", "clang-18", "clang-17", "clang-16", "clang"]).First(name =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, name))));

    /// <summary>A version with a field before, between and behind others, wider ones, narrower ones, other sizes, and a map that this one has not.</summary>
    private static readonly (string, string, string)[] _otherLayouts =
    [
        ("abi/conntrack.h", "\t__u64 created_ns;\n", "\t__u32 zone;\n\t__u64 created_ns;\n"),
        ("abi/conntrack.h", "\t__u32 packets; /* both", "\t__u64 packets; /* both"),
        ("abi/conntrack.h", "\t__be16 port_a; /* ICMP", "\t__u32 zone;\n\t__be16 port_a; /* ICMP"),
        ("lib/conntrack.h", "\t__builtin_memset(key->_pad0", "\tkey->zone = 0;\n\t__builtin_memset(key->_pad0"),
        ("abi/endpoint.h", "\t__u32 identity;\t     /* security", "\t__u64 tenant;\n\t__u64 identity;\t     /* security"),
        ("abi/policy.h", "\t__u32 rule_id; /* deciding", "\t__u16 order;\n\t__u32 rule_id; /* deciding"),
        ("abi/ipcache.h", "\t__u32 identity;\n\t__u32 network_id;", "\t__u32 network_id;\n\t__u32 identity;\n\t__u8 kind;\n\t__u32 spare;"),
        ("abi/service.h", "\t__u8 flags; /* enum backend_flag */\n\t__u8 _pad0;\n\t__u32 ifindex;", "\t__u8 _pad0;\n\t__u8 flags;\n\t__u64 ifindex;"),
        ("abi/service.h", "\t__u64 last_ns; /* reverse", "\t__u32 age;\n\t__u64 last_ns; /* reverse"),
        ("abi/service.h", "\t__u64 connects; /* by", "\t__u64 errors;\n\t__u64 connects; /* by"),
        ("abi/config.h", "\t__u32 revision; /* raised", "\t__u64 features;\n\t__u32 revision; /* raised"),
        ("lib/maps.h", "MAX_AFFINITIES = 32768", "MAX_AFFINITIES = 16384"),
        ("lib/maps.h", "MAX_LOCAL = 8192", "MAX_LOCAL = 9000"),
    ];

    /// <summary>What was compiled of that version: the compiler takes longer than most tests.</summary>
    private static readonly ConcurrentDictionary<string, byte[]> _compiled = new(StringComparer.Ordinal);

    private readonly DirectoryInfo _sources = Directory.CreateTempSubdirectory("weir-version-");

    /// <param name="changes">File below bpf/, what is there once, what is to be there.</param>
    internal VersionImages(params (string File, string Before, string After)[] changes)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(_root, "bpf"), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_sources.FullName, Path.GetRelativePath(Path.Combine(_root, "bpf"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        foreach ((string file, string before, string after) in changes)
        {
            string path = Path.Combine(_sources.FullName, file);
            string text = File.ReadAllText(path);
            int place = text.IndexOf(before, StringComparison.Ordinal);
            Assert.True(place >= 0 && text.IndexOf(before, place + 1, StringComparison.Ordinal) < 0, $"{file} has not once: {before}");
            File.WriteAllText(path, text.Replace(before, after, StringComparison.Ordinal));
        }

        Images = new DatapathImages(Compile);
    }

    internal DatapathImages Images { get; private set; }

    internal static VersionImages WithOtherLayouts()
    {
        var version = new VersionImages(_otherLayouts);
        version.Images = new DatapathImages(name => _compiled.GetOrAdd(name, version.Compile));
        return version;
    }

    public void Dispose() => _sources.Delete(recursive: true);

    private byte[] Compile(string name)
    {
        string arch = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64";
        string target = Path.Combine(_sources.FullName, name + ".o");
        var start = new ProcessStartInfo(_clang) { WorkingDirectory = _sources.FullName, RedirectStandardError = true };
        foreach (string argument in (string[])[
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-idirafter", $"/usr/include/{arch}-linux-gnu", "-I", "include", "-c", name + ".c", "-o", target])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return File.ReadAllBytes(target);
    }
}
