// SPDX-License-Identifier: Apache-2.0
using Weir.Control.State;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Tests.Model;

/// <summary>What happens to an agent, one thing after another, each with the effect at which something fails or the agent
/// ends. Any part of a history is a history: numbers choose among what there is then.</summary>
internal sealed record History(IReadOnlyList<History.Happening> Happenings)
{
    internal enum What
    {
        Join,
        Identify,
        Remove,
        Enforce,
        HostChanges,
        Sweep,
        Restart,
        LoseProgram,
        LoseLink,
        LoseNeed,
        MakeNetwork,
        DropNetwork,
        Publish,
        Allow,
        Serve,
        Bar,
        AskForList,
        OldListComes,
        NewListComes,
        LoseRecords,
    }

    /// <param name="Choice">Which endpoint, policy or labels.</param>
    /// <param name="FailAt">The effect that fails; 0: none.</param>
    /// <param name="EndAt">The effect at which the agent ends; 0: it does not.</param>
    internal sealed record Happening(What What, int Choice, int FailAt, int EndAt);

    private static readonly What[] _often = [.. Enum.GetValues<What>(), What.Join, What.Join, What.Identify, What.Identify, What.Enforce, What.Enforce];

    private static readonly string[] _labels = ["container:role=web", "container:role=api", "container:role=db", "container:app=shop;container:role=web", "container:tier=x"];

    private static readonly string[] _claims = ["", "", "10.8.0.1", "10.8.0.0/28", "10.8.0.1,10.8.0.2", "10.210.0.250"];

    private static readonly PolicyDocument[] _documents =
    [
        .. new[]
        {
            Rule("api", "ingress: [{fromEndpoints: [{matchLabels: {role: web}}], toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]}]"),
            Rule("api", "ingress: [{fromEndpoints: [{matchLabels: {role: web}}], toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]}]"),
            Rule("web", "egress: [{toCIDR: [198.51.100.0/24], toPorts: [{ports: [{port: \"53\", protocol: UDP}]}]}]"),
            Rule("web", "egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}, {toEntities: [host]}]"),
            Rule("db", "ingressDeny: [{fromEndpoints: [{matchLabels: {role: web}}]}]\n  ingress: [{fromEntities: [all]}]"),
            Rule("db", "ingress: [{fromCIDR: [192.0.2.0/24]}]\n  egress: [{toEntities: [world]}]"),
        }.Select((text, i) => PolicyReader.Read($"p{i}.yaml", text.Replace("NAME", $"p{i}", StringComparison.Ordinal))).SelectMany(read =>
            read.HasErrors ? throw new InvalidOperationException(string.Join("; ", read.Problems)) : read.Documents),
    ];

    /// <summary>One with prefixes, HTTP rules and denials.</summary>
    internal static PolicySet SomePolicy => PolicySet.Empty.With(_documents[1..5]);

    internal static History Random(Random random, int length) => new(
    [
        .. Enumerable.Range(0, length).Select(_ => new Happening(
            _often[random.Next(_often.Length)],
            random.Next(1 << 16),
            random.Next(4) == 0 ? random.Next(1, 12) : 0,
            random.Next(6) == 0 ? random.Next(1, 12) : 0)),
    ]);

    /// <summary>Lets it happen, and looks after everything.</summary>
    internal void Run()
    {
        using var rig = new Rig();
        foreach (Happening happening in Happenings)
        {
            rig.Host.Arm(happening.FailAt, happening.EndAt);
            bool ended = false;
            try
            {
                Do(rig, happening);
            }
            catch (AgentEnds)
            {
                ended = true;
            }
            catch (Exception e) when (e is ControlException or LinuxException or StoreException)
            {
                // Whoever asked is told; the agent goes on.
            }

            rig.Host.Arm(0, 0);
            if (ended || rig.IsStarting) // one that cannot start is started again
            {
                rig.Start();
            }

            rig.Mend();
            rig.CheckWhole();
        }
    }

    /// <summary>A part that still fails, from which nothing can be left out.</summary>
    internal History Shrink(Func<History, bool> fails)
    {
        History smallest = this;
        for (int i = Happenings.Count - 1; i >= 0; i--)
        {
            foreach (History smaller in smallest.Without(i))
            {
                if (fails(smaller))
                {
                    smallest = smaller;
                    break;
                }
            }
        }

        return smallest;
    }

    private IEnumerable<History> Without(int i)
    {
        if (i >= Happenings.Count)
        {
            yield break;
        }

        yield return new History([.. Happenings.Where((_, at) => at != i)]);
        yield return With(i, Happenings[i] with { FailAt = 0, EndAt = 0 });
        yield return With(i, Happenings[i] with { FailAt = 0 });
        yield return With(i, Happenings[i] with { EndAt = 0 });
    }

    private History With(int i, Happening other) => new([.. Happenings.Select((happening, at) => at == i ? other : happening)]);

    private static void Do(Rig rig, Happening happening)
    {
        int choice = happening.Choice;
        var endpoints = rig.Endpoints;
        if (happening.What is What.Identify or What.Remove or What.LoseProgram or What.LoseLink or What.Publish or What.Allow && endpoints.Count == 0)
        {
            return;
        }

        switch (happening.What)
        {
            case What.Join:
                rig.Join(choice);
                break;
            case What.Identify:
                rig.Identify(endpoints[choice % endpoints.Count], LabelSet.Parse(_labels[choice / 64 % _labels.Length]), _claims[choice / 512 % _claims.Length], choice / 4096 % 3 == 0 ? "192.0.2.128/25" : "");
                break;
            case What.Remove:
                rig.Remove(endpoints[choice % endpoints.Count]);
                break;
            case What.Enforce:
                rig.Enforce(PolicySet.Empty.With(_documents.Where((_, i) => (choice >> i & 1) != 0)));
                break;
            case What.HostChanges:
                rig.SetHostPrefixes([.. new[] { "192.0.2.1", "198.51.100.7", "198.51.100.0/24", "10.9.0.0/16" }.Where((_, i) => (choice >> i & 1) != 0).Select(IpPrefix.Parse)]);
                break;
            case What.Sweep:
                rig.Sweep();
                break;
            case What.Restart:
                rig.Start();
                break;
            case What.LoseProgram:
                rig.LoseProgram(endpoints[choice % endpoints.Count]);
                break;
            case What.LoseLink:
                rig.LoseLink(endpoints[choice % endpoints.Count]);
                break;
            case What.LoseNeed:
                rig.LoseNeed(choice);
                break;
            case What.MakeNetwork:
                rig.MakeNetwork(isInternal: choice % 3 == 0, isRouted: choice % 2 == 0);
                break;
            case What.DropNetwork:
                rig.DropNetwork(choice);
                break;
            case What.Publish:
                rig.Publish(endpoints[choice % endpoints.Count], choice / 64 % 3 == 0 ? [] : [new PublishedPort(IpProtocol.Tcp, 80, null, (ushort)(8080 + (choice / 256 % 2)))]);
                break;
            case What.Allow:
                rig.Allow($"c{endpoints[choice % endpoints.Count].Id}");
                break;
            case What.Serve:
                rig.Serve(choice);
                break;
            case What.Bar:
                rig.Bar(choice);
                break;
            case What.AskForList:
                rig.AskForList();
                break;
            case What.OldListComes:
                rig.OldListComes();
                break;
            case What.LoseRecords:
                rig.LoseRecords();
                break;
            case What.NewListComes:
                rig.AskForList();
                rig.OldListComes();
                break;
            default:
                throw new InvalidOperationException($"{happening.What}");
        }
    }

    private static string Rule(string role, string body) => $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: NAME}
        spec:
          endpointSelector: {matchLabels: {role: {{{role}}}}}
          {{{body}}}
        """;

    public override string ToString() => string.Join("\n", Happenings);
}
