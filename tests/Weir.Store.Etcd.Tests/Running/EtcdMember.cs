// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Weir.Store.Etcd.Tests.Running;

/// <summary>A real etcd on a loopback address of its own, with a folder of its own. Both are gone when it is disposed of.</summary>
internal sealed class EtcdMember : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly string _name;
    private readonly string _scheme;
    private IReadOnlyList<string> _flags = [];
    private string _cluster;
    private string _data;
    private Process? _process;
    private bool _isFrozen;

    private EtcdMember(string name, string scheme)
    {
        _name = name;
        _scheme = scheme;
        _cluster = $"{name}={Peer}";
        _data = Path.Combine(Folder, "data");
    }

    /// <summary>Its own, so that two never quarrel for ports.</summary>
    internal string Address { get; } = $"127.{Random.Shared.Next(64, 128)}.{Random.Shared.Next(256)}.{Random.Shared.Next(1, 255)}";

    internal string Endpoint => $"{_scheme}://{Address}:2379";

    internal string Folder { get; } = Directory.CreateTempSubdirectory("weir-etcd-").FullName;

    private string Peer => $"http://{Address}:2380";

    internal static async Task<EtcdMember> StartAsync(params string[] flags)
    {
        var member = new EtcdMember("m0", "http") { _flags = flags };
        await member.StartAsync();
        return member;
    }

    /// <summary>One that speaks TLS, with the flags for its address.</summary>
    internal static async Task<EtcdMember> StartSecureAsync(Func<string, IReadOnlyList<string>> flags)
    {
        var member = new EtcdMember("m0", "https");
        member._flags = flags(member.Address);
        await member.StartAsync();
        return member;
    }

    /// <summary>Members of one cluster.</summary>
    internal static async Task<EtcdMember[]> StartClusterAsync(int count)
    {
        EtcdMember[] members = [.. Enumerable.Range(0, count).Select(i => new EtcdMember($"m{i}", "http"))];
        string cluster = string.Join(',', members.Select(member => member._cluster));
        foreach (EtcdMember member in members)
        {
            member._cluster = cluster;
        }

        await Task.WhenAll(members.Select(member => member.StartAsync()));
        return members;
    }

    internal async Task StartAsync()
    {
        var start = new ProcessStartInfo("etcd") { RedirectStandardError = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            "--name", _name, "--data-dir", _data, "--log-level", "error", "--logger", "zap",
            "--listen-client-urls", Endpoint, "--advertise-client-urls", Endpoint,
            "--listen-peer-urls", Peer, "--initial-advertise-peer-urls", Peer,
            "--initial-cluster", _cluster, "--initial-cluster-state", "new",
            "--heartbeat-interval", "50", "--election-timeout", "500", .. _flags,
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["ETCD_UNSUPPORTED_ARCH"] = "arm64"; // heard only there
        _process = Process.Start(start)!;
        var said = new StringBuilder();
        _process.ErrorDataReceived += (_, line) => said.AppendLine(line.Data);
        _process.OutputDataReceived += (_, line) => said.AppendLine(line.Data);
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        var waited = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited || waited.Elapsed > _patience)
            {
                throw new InvalidOperationException($"etcd did not start: {said}");
            }

            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(IPAddress.Parse(Address), 2379);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>Ends it as a crash would.</summary>
    internal async Task KillAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
            _isFrozen = false;
        }
    }

    internal async Task RestartAsync()
    {
        await KillAsync();
        await StartAsync();
    }

    internal async Task FreezeAsync()
    {
        await RunAsync("kill", "-STOP", $"{_process!.Id}");
        _isFrozen = true;
    }

    internal async Task ThawAsync()
    {
        await RunAsync("kill", "-CONT", $"{_process!.Id}");
        _isFrozen = false;
    }

    /// <summary>What etcdctl says to this member.</summary>
    internal Task<string> ControlAsync(params string[] arguments) => RunAsync("etcdctl", ["--endpoints", Endpoint, .. arguments]);

    /// <summary>Puts a snapshot in place of the data, as its operator does who has nothing else left. It must not run.</summary>
    internal async Task RestoreAsync(string snapshot)
    {
        _data = Path.Combine(Folder, $"restored-{Guid.NewGuid():N}");
        await RunAsync("etcdctl", "snapshot", "restore", snapshot, "--name", _name, "--data-dir", _data, "--initial-cluster", _cluster, "--initial-advertise-peer-urls", Peer);
    }

    public async ValueTask DisposeAsync()
    {
        if (_isFrozen)
        {
            await ThawAsync();
        }

        await KillAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ETCDCTL_API"] = "3";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await errors}{output}");
    }
}
