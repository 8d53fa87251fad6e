// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using Weir.EndToEnd.Tests.Machine;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The scripts of deploy/vagrant on two machines that systemd booted, joined as Vagrant joins them.</summary>
public sealed class VagrantTests(Packages packages) : IClassFixture<Packages>
{
    private static readonly string[] _names = ["weir1", "weir2"];

    [PackagesFact]
    public void TwoMachines_AreOneCluster_AndTheDemoRunsOnThem()
    {
        using var first = new BootedHost();
        using var second = new BootedHost();
        BootedHost[] machines = [first, second];
        Join(first, second);
        for (int i = 0; i < machines.Length; i++)
        {
            machines[i].Bring(packages.Folder, Packages.Archive(Packages.Version));
            machines[i].StartDocker();
            foreach (string script in (string[])["host.sh", "demo.sh"])
            {
                machines[i].WriteFile($"/run/{script}", File.ReadAllText(Path.Combine(Sandbox.RepoRoot, "deploy/vagrant", script)));
            }
        }

        string shown = "";
        for (int i = 0; i < machines.Length; i++)
        {
            MakeHost(machines[i], i);
            shown = Demo(machines[i], i);
        }

        Assert.Contains("web → api: hello from weir1", shown, StringComparison.Ordinal);
        Assert.Contains("other → api: no answer", shown, StringComparison.Ordinal);
        Assert.True(_names.All(name => shown.Split('\n').Any(line => line.StartsWith(name, StringComparison.Ordinal) && line.Contains("192.168.56.1", StringComparison.Ordinal))), shown);
        Assert.Contains("denied", shown, StringComparison.Ordinal);

        // As `vagrant provision` does.
        MakeHost(second, 1);
        Assert.Contains("web → api: hello from weir1", Demo(second, 1), StringComparison.Ordinal);
    }

    private static void MakeHost(BootedHost machine, int number) => machine.Do($"RELEASE=/run/packages bash /run/host.sh {_names[number]} {Address(number)} {Address(0)}");

    private static string Demo(BootedHost machine, int number) => machine.Do($"IMAGE=weir-busybox bash /run/demo.sh {_names[number]}");

    private static string Address(int machine) => string.Create(CultureInfo.InvariantCulture, $"192.168.56.{11 + machine}");

    /// <summary>A link between them, as a private network of Vagrant's is.</summary>
    private static void Join(BootedHost first, BootedHost second)
    {
        string[] command = ["-t", first.Pid.ToString(CultureInfo.InvariantCulture), "-n", "ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1", "netns", second.Pid.ToString(CultureInfo.InvariantCulture)];
        using Process process = Process.Start("nsenter", command);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        first.Do($"ip address add {Address(0)}/24 dev eth1; ip link set eth1 up");
        second.Do($"ip address add {Address(1)}/24 dev eth1; ip link set eth1 up");
    }
}
