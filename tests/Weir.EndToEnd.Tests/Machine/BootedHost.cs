// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A sandbox that systemd has booted, with this machine's system and none of its services; what is installed
/// goes with it (Tools/boot.sh).</summary>
public sealed class BootedHost : Sandbox
{
    public BootedHost()
        : base(Script, "ready", Path.Combine(RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/boot.sh"))
    {
        Wait.Until(() => Outside("systemctl", "is-system-running").Output.Trim() == "running", 30, () => "systemd does not start: " + Outside("systemctl", "list-units", "--failed").All);
    }

    /// <summary>As on a fresh machine: with no variable of the tests'. What is typed there installs and starts services.</summary>
    public CommandResult Outside(params string[] command) => Run(["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", .. command], seconds: 480, folder: "/");

    /// <summary>A line of bash.</summary>
    public string Do(string script) => Outside("bash", "-euo", "pipefail", "-c", script).OrFail().Output.Trim();

    /// <summary>Copies a file of the outer machine into /run/packages: /tmp is another one here.</summary>
    public string Bring(string folder, string file)
    {
        Directory.CreateDirectory(HostPath("/run/packages"));
        File.Copy(Path.Combine(folder, file), HostPath($"/run/packages/{file}"), overwrite: true);
        return $"/run/packages/{file}";
    }

    /// <summary>What of Weir lies in this system's folders, beside logs of who installed it.</summary>
    public string Traces() => Do("""
        find /run/changed/*/upper ! -type c \( -iname '*weir*' -o -path '*weir*' \) -not -path '*/dpkg/info' -printf '%P\n' | sort
        grep weir /etc/group /etc/gshadow || true
        ls -d /run/weir /sys/fs/bpf/weir 2> /dev/null || true
        ip -o link | grep -o ': weir[^:]*' || true
        iptables-save | grep WEIR || true
        """);

    /// <summary>dockerd by its own units, with an image of busybox.</summary>
    public void StartDocker()
    {
        Do("systemctl --quiet enable docker.socket docker.service containerd.service && systemctl start docker.service");
        Shell("export TMPDIR=/run; make_image weir-busybox");
    }
}
