// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json;
using Weir.EndToEnd.Tests.Machine;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What release.sh ships, as it is installed, upgraded and removed on a machine that systemd boots.</summary>
public sealed class ReleaseTests(Packages packages) : IClassFixture<Packages>
{
    private const string Later = "9.10.0";

    private const string Policy = """
        - endpointSelector: {matchLabels: {role: api}}
          ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
        """;

    [PackagesFact]
    public void PackedTwice_TheBytesAreTheSame()
    {
        string again = Directory.CreateTempSubdirectory("weir-packages-again.").FullName;
        try
        {
            Packages.Pack(again, Packages.Version);
            Assert.Equal(Sums(packages.Folder), Sums(again));
            Assert.Equal(5, Sums(again).Length);
        }
        finally
        {
            Directory.Delete(again, recursive: true);
        }
    }

    [PackagesFact]
    public void ComponentsAreListed_WithVersionsAndLicences()
    {
        using var sbom = JsonDocument.Parse(File.ReadAllText(Path.Combine(packages.Folder, $"weir-{Packages.Version}-linux-{Packages.Processor}.cdx.json")));
        Assert.Equal("CycloneDX", sbom.RootElement.GetProperty("bomFormat").GetString());
        Dictionary<string, string> licences = sbom.RootElement.GetProperty("components").EnumerateArray().ToDictionary(
            component => component.GetProperty("name").GetString()!,
            component => component.GetProperty("licenses")[0].GetProperty("expression").GetString()!);
        Assert.Equal("BSD-3-Clause", licences["Google.Protobuf"]);
        Assert.Equal("LGPL-3.0-or-later", licences["libelf-dev"]);
        Assert.Contains(licences.Keys, name => name.StartsWith("Microsoft.NETCore.App.Runtime.NativeAOT.", StringComparison.Ordinal));
        Assert.DoesNotContain("Grpc.Tools", licences.Keys); // it compiles, and is not linked in
        Assert.All(sbom.RootElement.GetProperty("components").EnumerateArray(), component => Assert.Matches(@"^\d", component.GetProperty("version").GetString()!));
    }

    /// <summary>What a host fetches and keeps. A release's deb is packed better, so it is smaller.</summary>
    [PackagesFact]
    public void ExecutableAndDeb_AreNoLargerThanTheyMayBe()
    {
        Assert.InRange(new FileInfo(Sandbox.Weir).Length, 1, 30_000_000);
        Assert.InRange(new FileInfo(Path.Combine(packages.Folder, Packages.Deb(Packages.Version))).Length, 1, 12_000_000);
    }

    /// <summary>From nothing to an agent that Docker waits for, a later version, and away again.</summary>
    [PackagesFact]
    public void Archive_InstallsTheDeb_UpgradesAndLeavesNothing()
    {
        using var host = new BootedHost();
        Assert.Equal("", host.Traces());
        string said = Install(host, packages.Folder, Packages.Version, "");
        Assert.Contains("is installed.", said, StringComparison.Ordinal);
        Assert.Contains("This kernel has all that Weir needs", said, StringComparison.Ordinal);
        Assert.Contains("The agent runs.", said, StringComparison.Ordinal);
        Assert.Equal("enabled\nactive", host.Do("systemctl is-enabled weir; systemctl is-active weir"));
        Assert.Equal("weir weir-read", host.Do("stat -c %G /run/weir/weir.sock /run/weir/weir-read.sock | tr '\\n' ' '"));
        Assert.Contains("Put policy in force", host.Do("zcat /usr/share/man/man1/weir-policy-apply.1.gz"), StringComparison.Ordinal);
        Assert.Contains("apply", host.Do("source /usr/share/bash-completion/completions/weir; COMP_LINE='weir policy a' COMP_POINT=13 COMP_WORDS=(weir policy a) COMP_CWORD=2; _weir; echo ${COMPREPLY[*]}"), StringComparison.Ordinal);
        Assert.Contains("THIRD-PARTY", host.Do("grep -i -m1 'third-party' /usr/share/doc/weir/copyright").ToUpperInvariant(), StringComparison.Ordinal);

        host.StartDocker();
        host.Do("docker network create --driver weir --ipam-driver weir app");
        foreach (string role in new[] { "api", "web", "other" })
        {
            host.Do($"docker run -d --name {role} --restart always --network app -l role={role} weir-busybox sh -c 'mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www'");
        }

        host.WriteFile("/run/policy.yaml", Policy);
        host.Do("weir policy apply -f /run/policy.yaml");
        MustHold(host);

        // Another version: another process, and everything that was there.
        string before = host.Do("systemctl show -p MainPID --value weir");
        string later = Directory.CreateTempSubdirectory("weir-packages-later.").FullName;
        try
        {
            Packages.Pack(later, Later);
            Install(host, later, Later, "");
        }
        finally
        {
            Directory.Delete(later, recursive: true);
        }

        Assert.Equal(Later, host.Do("dpkg-query -W -f '${Version}' weir"));
        Assert.NotEqual(before, host.Do("systemctl show -p MainPID --value weir"));
        MustHold(host);

        // As after a reboot, of which nothing in the kernel is left: whichever is started first, Docker's containers come up.
        foreach (string start in new[] { "systemctl start docker.service", "systemctl start weir.service docker.service" })
        {
            host.Do("systemctl stop docker.service docker.socket containerd.service weir.service; weir cleanup --yes --keep-state");
            host.Do(start);
            Assert.Equal("active", host.Do("systemctl is-active weir"));
            MustHold(host);
        }

        // Removed: nothing of it runs or is in the kernel. What was decided is kept, and is there when it comes back.
        host.Do("docker stop -t 0 api web other; /usr/share/weir/install.sh --remove");
        Assert.Equal("/etc/weir/agent.yaml", host.Do("ls /etc/weir/agent.yaml; ls -d /usr/bin/weir /run/weir /sys/fs/bpf/weir 2> /dev/null || true; iptables-save | grep WEIR || true; ip -o link | grep ': weir' || true"));
        Assert.Contains("journal", host.Do("ls /var/lib/weir"), StringComparison.Ordinal);
        Install(host, packages.Folder, Packages.Version, "");
        host.Do("docker start api web other");
        MustHold(host);

        host.Do("docker rm -f api web other; docker network rm app; systemctl stop docker.service docker.socket containerd.service");
        Assert.Contains("with its state, settings and groups", host.Do("/usr/share/weir/install.sh --remove --purge"), StringComparison.Ordinal);
        Assert.Equal("", host.Traces());
        Assert.Contains("not installed", host.Do($"/run/packages/{Unpacked(Later)}/install.sh --remove"), StringComparison.Ordinal);
    }

    [PackagesFact]
    public void Archive_InstallsPlainFiles_WhereNoPackageIsWanted()
    {
        using var host = new BootedHost();
        Install(host, packages.Folder, Packages.Version, "--plain");
        Assert.Equal("enabled\nactive", host.Do("systemctl is-enabled weir; systemctl is-active weir"));
        Assert.StartsWith("/usr/local/bin/weir", host.Do("readlink /proc/$(systemctl show -p MainPID --value weir)/exe"), StringComparison.Ordinal);
        string before = host.Do("systemctl show -p MainPID --value weir");
        host.Do("echo 'log-level: debug' > /etc/weir/agent.yaml");
        Assert.Contains("installed again", Install(host, packages.Folder, Packages.Version, "--plain"), StringComparison.Ordinal);
        Assert.NotEqual(before, host.Do("systemctl show -p MainPID --value weir"));
        Assert.Equal("log-level: debug", host.Do("cat /etc/weir/agent.yaml"));

        CommandResult package = host.Outside("bash", "-c", $"/run/packages/{Unpacked(Packages.Version)}/install.sh");
        Assert.Equal(1, package.ExitCode);
        Assert.Contains("without a package", package.Error, StringComparison.Ordinal);

        host.Do("/usr/local/share/weir/install.sh --remove --purge");
        Assert.Equal("", host.Traces());
    }

    /// <summary>The scripts of the rpm, by rpm. This system's archive has no packages of it, so what it depends on is not looked for.</summary>
    [PackagesFact]
    public void Rpm_InstallsUpgradesAndGoes()
    {
        using var host = new BootedHost();
        string file = host.Bring(packages.Folder, Packages.Rpm(Packages.Version));
        host.Do($"rpm --nodeps --force-debian -i {file} 2>&1");
        Assert.Equal("enabled\nactive", host.Do("systemctl is-enabled weir; systemctl is-active weir"));
        Assert.Contains("shadow-utils", host.Do($"rpm -qp --requires {file}"), StringComparison.Ordinal);
        Assert.Equal("/etc/weir/agent.yaml", host.Do("rpm -qc weir"));
        string before = host.Do("systemctl show -p MainPID --value weir");
        host.Do($"rpm --nodeps --force-debian -U --replacepkgs {file} 2>&1");
        Assert.Equal("active", host.Do("systemctl is-active weir"));
        Assert.NotEqual(before, host.Do("systemctl show -p MainPID --value weir"));
        host.Do("cp /usr/share/weir/install.sh /run/; rpm -e weir; /run/install.sh --remove --purge");
        Assert.Equal("", host.Traces());
    }

    /// <summary>What is fetched is compared with the release's sums before anything is done with it.</summary>
    [PackagesFact]
    public void FromAUrl_OnlyWhatTheSumsSayIsInstalled()
    {
        using var host = new BootedHost();
        string file = host.Bring(packages.Folder, Packages.Deb(Packages.Version));
        string installer = Unpack(host, packages.Folder, Packages.Version) + "/install.sh";
        host.Do("cd /run/packages; sha256sum *.deb > SHA256SUMS; printf x >> " + file);
        CommandResult refused = host.Outside(installer, "--from", "file:///run/packages");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("not what SHA256SUMS says", refused.Error, StringComparison.Ordinal);
        Assert.Equal("", host.Do("ls /usr/bin/weir 2> /dev/null || true"));
        host.Bring(packages.Folder, Packages.Deb(Packages.Version));
        Assert.Contains("is installed.", host.Do($"{installer} --from file:///run/packages"), StringComparison.Ordinal);
    }

    /// <summary>Of the image alone, and the agent in a container of it, by what the guide says.</summary>
    [PackagesFact]
    public void Image_IsLoaded_AndRunsTheAgent()
    {
        using var host = new BootedHost();
        string image = $"weir:{Packages.Version}";
        host.StartDocker();
        Assert.Contains(image, host.Do($"docker load -i {host.Bring(packages.Folder, Packages.Image(Packages.Version))}"), StringComparison.Ordinal);
        Assert.StartsWith("weir ", host.Do($"docker run --rm {image} --version"), StringComparison.Ordinal);
        // Docker 20.10 knows no BPF and PERFMON; who has SYS_ADMIN may what they may. The machine of the tests may itself have fewer.
        string had = host.Do("capsh --decode=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)");
        string rights = string.Join(' ', UnitHost.Capabilities().Except(["bpf", "perfmon"]).Where(name => had.Contains("cap_" + name, StringComparison.Ordinal)).Select(name => $"--cap-add {name.ToUpperInvariant()}"));
        host.Do($"docker run -d --name weir --restart always --network host --pid host --cap-drop ALL {rights} --security-opt systempaths=unconfined --security-opt seccomp=unconfined -v /run:/run:rslave -v /var/lib/weir:/var/lib/weir -v /sys/fs/bpf:/sys/fs/bpf {image} agent");
        Wait.Until(() => host.Outside("docker", "exec", "weir", "weir", "status").Succeeded, 30, () => host.Outside("docker", "logs", "weir").All);
        host.Do("docker network create --driver weir --ipam-driver weir app");
        host.Do("docker run -d --name api --network app -l role=api weir-busybox sh -c 'mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www'");
        host.Do("docker run -d --name web --network app -l role=web weir-busybox sleep 1000");
        host.Do("docker run -d --name other --network app -l role=other weir-busybox sleep 1000");
        host.WriteFile("/run/policy.yaml", Policy);
        host.Do("docker exec weir weir policy apply -f /run/policy.yaml");
        MustHold(host);
        Assert.Contains("MASQUERADE", host.Do("iptables-save"), StringComparison.Ordinal);
    }

    /// <summary>The policy decides: web reaches api, the other does not.</summary>
    private static void MustHold(BootedHost host)
    {
        string from(string who) => host.Outside("bash", "-c", $"docker exec {who} timeout 3 wget -qO- http://api/").Output.Trim();
        Wait.Until(() => from("web") == "hello", 20, () => host.Outside("bash", "-c", "weir status; weir endpoint list; docker ps -a; journalctl -n 30 -u weir; docker exec weir weir status; docker exec weir weir endpoint list; docker logs weir | tail -n 30").All);
        Assert.Equal("", from("other"));
    }

    private static string Install(BootedHost host, string folder, string version, string flags) => host.Do($"{Unpack(host, folder, version)}/install.sh {flags}");

    private static string Unpack(BootedHost host, string folder, string version) =>
        host.Do($"cd /run/packages; tar -xzf {host.Bring(folder, Packages.Archive(version))}; echo $PWD/{Unpacked(version)}");

    private static string Unpacked(string version) => $"weir-{version}-linux-{Packages.Processor}";

    private static string[] Sums(string folder) =>
        [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(file => $"{Path.GetFileName(file)} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}")];
}
