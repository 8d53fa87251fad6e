// SPDX-License-Identifier: Apache-2.0
using Microsoft.AspNetCore.Builder;
using Weir.EndToEnd.Tests.Machine;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>The servers of the lab, each as Debian has it, with the files and settings of Tools/real.</summary>
internal sealed class LabServers : IDisposable
{
    /// <summary>Where they listen, but for TLS.</summary>
    internal static readonly IReadOnlyList<int> HttpPorts = [80, .. Enumerable.Range(8001, 18)];

    /// <summary>The host's port that leads to the registry by a way: dockerd takes the loopback for trusted.</summary>
    internal static int RegistryPort(Way way) => 5001 + (int)way;

    private readonly Lab _lab;
    private readonly List<BackgroundCommand> _processes = [];
    private readonly List<WebApplication> _applications = [];

    internal LabServers(Lab lab)
    {
        _lab = lab;
        try
        {
            Prepare();
            Start("nginx", "-c", "/run/lab/tools/nginx.conf");
            Start("apache2", "-DFOREGROUND", "-f", "/run/lab/tools/apache.conf");
            Start("haproxy", "-db", "-f", "/run/lab/tools/haproxy.cfg");
            // It leaves shared memory behind when it is killed: in a place of its own.
            Start("unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /dev/shm && exec squid -N -f /run/lab/tools/squid.conf");
            Start("docker-registry", "serve", "/run/lab/tools/registry.yml");
            Start("/usr/bin/python3", "/run/lab/tools/app.py", "8008", "8017");
            Start("/usr/bin/python3", "/run/lab/tools/grpc_core.py", "serve", "8009");
            Start("node", "/run/lab/tools/app.js", "8010", "8016");
            Start("/run/lab/go", "serve", "8011", "8018");
            Start("/usr/bin/python3", "/run/lab/tools/odd.py", "8013");
            // Behind the end of one side socat waits but 0.5 s for the other: docker says its end at once.
            Start("socat", "-t", "60", "TCP-LISTEN:8014,fork,reuseaddr", "UNIX-CONNECT:/var/run/docker.sock");
            Array.ForEach(Enum.GetValues<Way>(), LeadToRegistry);
            _applications.Add(DotNetServer.Start(lab, 8012));
            _applications.Add(DotNetServer.StartGrpc(lab, 8015));
            int[] ports = [443, .. HttpPorts];
            Wait.Until(() => Missing(ports).Length == 0, 40, () => $"nobody listens on {string.Join(' ', Missing(ports))}:\n{Words}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private string Words => string.Join('\n', _processes.Select(process => process.Output));

    public void Dispose()
    {
        _applications.ForEach(application => application.DisposeAsync().AsTask().GetAwaiter().GetResult());
        _processes.ForEach(process => process.Dispose());
        _lab.Host.Sandbox.Shell("rm -rf /run/lab");
    }

    /// <summary>What servers and clients need: files, a certificate, an archive of packages, an image, the programs of compiled languages.</summary>
    private void Prepare() => _lab.Host.Sandbox.Shell($$"""
        mkdir -p /run/lab/home /run/lab/www/dav /run/lab/www/apt /run/lab/git /run/lab/registry /run/lab/java
        cp -r tests/Weir.EndToEnd.Tests/Tools/real /run/lab/tools
        cd /run/lab
        tools/prepare.sh {{_lab.Address}} > prepare.log 2>&1 || { cat prepare.log >&2; exit 1; }
        docker save weir-busybox > image.tar
        skopeo --insecure-policy copy -q docker-archive:image.tar dir:image
        """, seconds: 600);

    /// <summary>dockerd, which is the host's, comes to the registry from a client's network.</summary>
    private void LeadToRegistry(Way way)
    {
        string socket = $"/run/lab/registry-{way}";
        _processes.Add(_lab.Host.Sandbox.Start(_lab.InNetworkOf(_lab.Client(way), "socat", "-t", "60", $"UNIX-LISTEN:{socket},fork", $"TCP:{_lab.Address}:8007")));
        _processes.Add(_lab.Host.Sandbox.Start("socat", "-t", "60", $"TCP-LISTEN:{RegistryPort(way)},bind=127.0.0.1,fork,reuseaddr", $"UNIX-CONNECT:{socket}"));
    }

    private void Start(params string[] command) => _processes.Add(_lab.Host.Sandbox.Start(_lab.InNetworkOf(_lab.Server, command)));

    private int[] Missing(int[] ports)
    {
        string listening = _lab.Host.Sandbox.Run(_lab.InNetworkOf(_lab.Server, "ss", "-Hltn")).Output;
        return [.. ports.Where(port => !listening.Contains($":{port} ", StringComparison.Ordinal))];
    }
}
