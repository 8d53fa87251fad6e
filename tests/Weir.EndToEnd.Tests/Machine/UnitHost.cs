// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A machine whose agent has exactly the rights that deploy/weir.service gives it, with groups for those who
/// use it.</summary>
public sealed class UnitHost : IDisposable
{
    internal const uint Group = 4711;
    internal const uint ReadGroup = 4712;
    private const string Somebody = "65534";

    /// <summary>The files of the machine around are not touched.</summary>
    private static readonly string _groups = $"""
        cp /etc/group /run/group
        printf 'weir:x:{Group}:\nweir-read:x:{ReadGroup}:\ngames-of-weir:x:4713:\n' >> /run/group
        mount --bind /run/group /etc/group
        """;

    public DockerHost Machine { get; } = new(HostShape.Plain with { Prepare = _groups, Launcher = Limit(Capabilities()) });

    public void Dispose() => Machine.Dispose();

    /// <summary>The unit's, as setpriv names them.</summary>
    internal static string[] Capabilities()
    {
        const string Setting = "CapabilityBoundingSet=";
        string line = File.ReadLines(Path.Combine(Sandbox.RepoRoot, "deploy/weir.service")).Single(line => line.StartsWith(Setting, StringComparison.Ordinal));
        return [.. line[Setting.Length..].Split(' ').Select(name => name["CAP_".Length..].ToLowerInvariant())];
    }

    /// <summary>Starts what follows with these and no others.</summary>
    internal static string[] Limit(IEnumerable<string> capabilities) =>
        ["setpriv", "--no-new-privs", "--inh-caps=-all", $"--bounding-set=-all,{string.Join(',', capabilities.Select(name => "+" + name))}"];

    /// <summary>Runs the command line as a user without rights.</summary>
    /// <param name="groups">Numbers of those he is in, beside his own.</param>
    internal CommandResult AsSomebody(uint[] groups, params string[] arguments) =>
        Machine.Sandbox.Run([.. Become(groups), Sandbox.Weir, .. arguments], folder: "/");

    /// <summary>The same, until it is disposed of.</summary>
    internal BackgroundCommand StartAsSomebody(uint[] groups, params string[] arguments) => Machine.Sandbox.Start(["env", "-C", "/", .. Become(groups), Sandbox.Weir, .. arguments]);

    private static string[] Become(uint[] groups)
    {
        string[] member = groups.Length == 0 ? ["--clear-groups"] : ["--groups", string.Join(',', groups.Select(group => group.ToString(CultureInfo.InvariantCulture)))];
        return ["setpriv", "--reuid", Somebody, "--regid", Somebody, .. member];
    }
}
