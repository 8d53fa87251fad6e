// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Linux;

namespace Weir.Testing;

/// <summary>A cgroup of a test's own, below the root of cgroup2: what is attached here meets only what the test runs
/// in it. Gone on dispose, with its processes.</summary>
public sealed class TestCgroup : IDisposable
{
    private static int _count;

    public TestCgroup()
    {
        string root = CgroupMount.FindRoot() ?? throw new InvalidOperationException("cgroup2 is not mounted: mount -t cgroup2 cgroup2 FOLDER");
        Folder = $"{root}/weir-test-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
        Directory.CreateDirectory(Folder);
    }

    public string Folder { get; }

    /// <summary>Runs a command in this cgroup and in a network namespace to its end; it must succeed.</summary>
    /// <returns>What it printed, line by line.</returns>
    public string[] Run(TestNamespace place, params string[] command)
    {
        ArgumentNullException.ThrowIfNull(place);
        ProcessStartInfo start = new("sh") { RedirectStandardOutput = true, RedirectStandardError = true };
        string network = $"/proc/{Environment.ProcessId}/fd/{place.Descriptor.Number}";
        foreach (string argument in (string[])["-c", "echo $$ > \"$0\" && exec nsenter --net=\"$@\"", Folder + "/cgroup.procs", network, .. command])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : throw new InvalidOperationException($"{command[0]} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}{output}");
    }

    public void Dispose()
    {
        if (!Directory.Exists(Folder))
        {
            return;
        }

        File.WriteAllText(Folder + "/cgroup.kill", "1");
        SpinWait.SpinUntil(() => File.ReadAllText(Folder + "/cgroup.events").Contains("populated 0", StringComparison.Ordinal), TimeSpan.FromSeconds(10));
        Directory.Delete(Folder);
    }
}
