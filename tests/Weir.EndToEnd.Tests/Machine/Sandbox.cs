// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A machine within the machine (scripts/sandbox.sh): namespaces, /run, /var/lib, BPF file
/// system and tree of cgroup2 of its own. Everything in it dies on dispose; the real host is never touched.</summary>
public class Sandbox : IDisposable
{
    /// <summary>Makes the namespaces.</summary>
    protected static string Script { get; } = Path.Combine(Metadata("RepoRoot"), "scripts/sandbox.sh");

    private readonly Process _init;
    private readonly Lazy<string> _group;

    // A shell that waits reaps whoever dies without a parent; dockerd's end is waited for so.
    public Sandbox()
        : this(Script, "ready", "bash", "-c", "echo ready; while :; do sleep 3600 & wait $!; done")
    {
    }

    /// <param name="script">Its child is the first process of namespaces of its own.</param>
    /// <param name="ready">The line by which it tells that it runs.</param>
    protected Sandbox(string script, string ready, params string[] arguments)
    {
        _init = Process.Start(new ProcessStartInfo(script, arguments) { RedirectStandardOutput = true })!;
        var said = new List<string>();
        while (said.LastOrDefault() != ready)
        {
            said.Add(_init.StandardOutput.ReadLine()
                ?? throw new InvalidOperationException($"{script} did not start: see its message above\n{string.Join('\n', said)}"));
        }

        string child = File.ReadAllText($"/proc/{_init.Id}/task/{_init.Id}/children").Trim();
        Pid = int.Parse(child, CultureInfo.InvariantCulture);
        _group = new(GroupOf);
    }

    /// <summary>The root of the clone.</summary>
    public static string RepoRoot { get; } = Metadata("RepoRoot");

    /// <summary>The executable under test: $WEIR_EXE, else what the build of src/Weir just made.</summary>
    public static string Weir { get; } = Environment.GetEnvironmentVariable("WEIR_EXE")
        ?? Path.Combine(RepoRoot, "src/Weir/bin", Metadata("Configuration"), "net10.0/weir");

    /// <summary>Debug or Release.</summary>
    internal static string BuiltAs { get; } = Metadata("Configuration");

    /// <summary>Its first process, as the outer machine numbers it.</summary>
    public int Pid { get; }

    /// <summary>How many times longer than in a sandbox of this machine things may take.</summary>
    public virtual int Patience => 1;

    /// <summary>A path of the sandbox, as the outer machine reaches it.</summary>
    public string HostPath(string path) => $"/proc/{Pid}/root{path}";

    /// <summary>Writes a file of the sandbox.</summary>
    public virtual void WriteFile(string path, string text) => File.WriteAllText(HostPath(path), text);

    /// <summary>Runs a command to its end.</summary>
    /// <param name="seconds">It is killed after that.</param>
    public CommandResult Run(string[] command, string? input = null, int seconds = 120, string? folder = null) =>
        Run(StartInfo(command, folder), command, input, seconds * Patience);

    /// <summary>Runs a command in a network namespace of the sandbox as another machine would: what the sandbox's
    /// agent does with the sockets of its own machine does not reach it.</summary>
    public CommandResult RunElsewhere(string netns, params string[] command) => Run(ElsewhereInfo(netns, command), command, null, 60 * Patience);

    /// <summary>Starts such a command that runs on.</summary>
    public BackgroundCommand StartElsewhere(string netns, params string[] command) => new(ElsewhereInfo(netns, command));

    private static CommandResult Run(ProcessStartInfo start, string[] command, string? input, int seconds)
    {
        start.RedirectStandardInput = true;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input ?? "");
        process.StandardInput.Close();
        if (!process.WaitForExit(seconds * 1000))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return new CommandResult(string.Join(' ', command), 124, "", $"killed after {seconds} s");
        }

        return new CommandResult(string.Join(' ', command), process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Runs a script by bash in the root of the clone, with scripts/setup.sh at hand; it must succeed.</summary>
    public string Shell(string script, int seconds = 120) =>
        Run(["bash", "-c", $"set -euo pipefail; . scripts/setup.sh; {script}"], seconds: seconds).OrFail().Output;

    /// <summary>Starts a command that runs on.</summary>
    public BackgroundCommand Start(params string[] command) => new(StartInfo(command, null));

    public void Dispose()
    {
        GC.SuppressFinalize(this);

        // The first process takes all others with it.
        _init.Kill();
        _init.WaitForExit();
        Wait.Until(() => !Directory.Exists($"/proc/{Pid}"), 30, () => $"process {Pid} of the sandbox lives on"); // with all its containers
        _init.Dispose();
    }

    private static string Metadata(string key) =>
        typeof(Sandbox).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;

    /// <summary>In the sandbox's namespaces, but not in its tree of cgroups.</summary>
    protected virtual ProcessStartInfo ElsewhereInfo(string netns, string[] command) => new("nsenter", [
        "-t", Pid.ToString(CultureInfo.InvariantCulture), "--mount", "--net", "--pid", "--", "ip", "netns", "exec", netns, .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    /// <summary>As `sandbox.sh --enter` does, which looks for the group and costs more than most commands: they are thousands.</summary>
    protected virtual ProcessStartInfo StartInfo(string[] command, string? folder) => new("sh", [
        // The group before the namespace: from inside, no way leads in.
        "-c", "echo 0 > \"$1\"; shift; exec \"$@\"", "enter", _group.Value,
        "nsenter", "-t", Pid.ToString(CultureInfo.InvariantCulture), "--mount", "--net", "--pid", "--cgroup", "--",
        "env", "-C", folder ?? RepoRoot, .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private string GroupOf()
    {
        using Process process = Process.Start(new ProcessStartInfo(Script, ["--group", Pid.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
        string group = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return $"{group}/cgroup.procs";
    }
}
