// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using System.Net;
using Weir.Api;
using Weir.Control.Past;
using Weir.Control.Policies;
using Weir.Control.State;
using Weir.Flows;
using Weir.Net;
using Weir.Policy;
using Xunit;
using Endpoint = Weir.Control.State.Endpoint;

namespace Weir.Control.Tests;

/// <summary>What was in force when.</summary>
public sealed class HistoryTests : IDisposable
{
    private const string Allowing = "- endpointSelector: {matchLabels: {role: api}}\n  ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]\n";
    private const string Denying = "- endpointSelector: {matchLabels: {role: api}}\n  ingress: [{fromEndpoints: [{matchLabels: {role: cron}}]}]\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("weir-history").FullName;
    private readonly ManualTime _time = new();
    private readonly Writer _writer = new();
    private readonly ExplainPolicyRequest _question = new() { From = "web", To = "api", Port = "80/tcp" };
    private readonly List<string> _warnings = [];

    public void Dispose()
    {
        _writer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void PolicyAndContainers_OfThen_AreAsked()
    {
        using HistoryDesk history = Open();
        DateTimeOffset nothing = Now();
        Apply("", root: false);
        Put("web", 1, "role=web", "10.1.0.2");
        Put("api", 2, "role=api", "10.1.0.3");
        DateTimeOffset open = Settle(history);
        Apply(Allowing);
        DateTimeOffset allowed = Settle(history);
        Apply(Denying);
        DateTimeOffset denied = Settle(history);
        Put("web", 1, "role=cron", "10.1.0.2");
        Put("other", 3, "role=x", "10.1.0.4");
        DateTimeOffset relabelled = Settle(history);
        _writer.Publish(world => world with { Endpoints = world.Endpoints.Remove("id-web") });
        Settle(history);

        Assert.True(history.Explain(open, _question).Then.Allowed);
        PastExplanation then = history.Explain(allowed, _question);
        Assert.True(then.Then.Allowed);
        Assert.Contains("allowed by rule p at /p.yaml:2", then.Then.Ways[0].Explanation!.Ingress.Text, StringComparison.Ordinal);
        Assert.Null(then.Now);
        Assert.Equal(["policy p was changed by root at 2026-01-01 00:02:00Z", "container web is gone since", "1 other container came, went or changed"], then.Differences);
        PastExplanation refused = history.Explain(denied, _question);
        Assert.False(refused.Then.Allowed);
        Assert.Contains("nearest is p at /p.yaml:2", refused.Then.Ways[0].Explanation!.Ingress.Text, StringComparison.Ordinal);
        Assert.True(history.Explain(relabelled, _question).Then.Allowed);
        Assert.Contains("no container and no service has that name", Assert.Throws<ControlException>(() => history.Explain(allowed, new ExplainPolicyRequest { From = "wbe", To = "api", Port = "80" })).Message, StringComparison.Ordinal);
        Assert.Contains("is not known: the history goes back to", Assert.Throws<ControlException>(() => history.Explain(nothing.AddHours(-1), _question)).Message, StringComparison.Ordinal);
        Assert.Contains("is yet to come", Assert.Throws<ControlException>(() => history.Explain(_time.GetUtcNow().AddHours(1), _question)).Message, StringComparison.Ordinal);

        IReadOnlyList<PastRevision> revisions = history.List(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, _ => { });
        Assert.Equal(["", "p added", "p changed"], revisions.Select(revision => string.Join(", ", revision.Changes.Select(change => $"{change.Name} {change.Change}"))));
        Assert.Equal(["", "root", "root"], revisions.Select(revision => revision.By));
        Assert.Null(revisions[^1].Until);
    }

    [Fact]
    public void ARestart_AndATornEnd_LoseNothingOfBefore()
    {
        DateTimeOffset allowed, denied;
        using (HistoryDesk history = Open())
        {
            Put("web", 1, "role=web", "10.1.0.2");
            Put("api", 2, "role=api", "10.1.0.3");
            Apply(Allowing);
            allowed = Settle(history);
            Apply(Denying);
            denied = Settle(history);
        }

        string file = Directory.GetFiles(_folder).Single();
        byte[] whole = File.ReadAllBytes(file);
        long first = whole.Length;
        for (int cut = whole.Length; cut > 0; cut -= 7)
        {
            File.WriteAllBytes(file, whole[..cut]);
            using (HistoryDesk again = Open())
            {
                try
                {
                    Assert.True(again.Explain(allowed, _question).Then.Allowed);
                    first = cut;
                }
                catch (ControlException e)
                {
                    Assert.Contains("known", e.Message, StringComparison.Ordinal);
                }

                // What is in force now is known in any case.
                Assert.False(again.Explain(Settle(again), _question).Then.Allowed);
            }

            Array.ForEach([.. Directory.GetFiles(_folder).Where(path => path != file)], File.Delete);
        }

        Assert.True(first < whole.Length);
        File.WriteAllBytes(file, whole);
        using HistoryDesk last = Open();
        Assert.True(last.Explain(allowed, _question).Then.Allowed);
        Assert.False(last.Explain(denied, _question).Then.Allowed);
    }

    [Fact]
    public void AChange_WritesWhatChanged_AndTheFolderIsBounded()
    {
        using HistoryDesk history = Open(mostBytes: 1024 * 1024);
        Random random = new(1);
        string large = string.Concat(Enumerable.Range(0, 300).Select(i => $"- endpointSelector: {{matchLabels: {{role: api}}}}\n  ingress: [{{fromCIDR: [{random.Next(1, 200)}.{random.Next(256)}.{random.Next(256)}.0/24]}}]\n"));
        Apply(large);
        Put("web", 1, "role=web", "10.1.0.2");
        Settle(history);
        long before = Bytes();
        Put("web", 1, "role=web2", "10.1.0.2");
        Settle(history);
        Assert.InRange(Bytes() - before, 1, 1000);
        for (int i = 0; i < 600; i++)
        {
            Put("web", 1, $"role=web{i}", "10.1.0.2");
            Settle(history, seconds: 3600);
        }

        Assert.InRange(Bytes(), 1, 1024 * 1024 / 8 * 2);
        Assert.True(history.KnownSince > new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero)); // the oldest went
        Assert.NotEmpty(history.Explain(history.KnownSince!.Value, new ExplainPolicyRequest { From = "web", To = "192.0.2.1", Port = "80/tcp" }).Then.Ways);
        Assert.Empty(_warnings);
    }

    private HistoryDesk Open(long mostBytes = 256 * 1024 * 1024) => new(
        _writer, _ => throw new ControlException("not there"), LabelFilter.Default, new RecordOptions(_folder) { MostBytes = mostBytes }, _time, _warnings.Add, e => _warnings.Add(e.Message));

    private long Bytes() => Directory.GetFiles(_folder).Sum(file => new FileInfo(file).Length);

    private DateTimeOffset Now() => _time.GetUtcNow();

    /// <summary>A moment at which all so far is kept, and nothing that comes.</summary>
    private DateTimeOffset Settle(HistoryDesk history, int seconds = 60)
    {
        history.List(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, _ => { });
        DateTimeOffset now = Now();
        _time.Pass(TimeSpan.FromSeconds(seconds));
        return now;
    }

    private void Apply(string text, bool root = true)
    {
        PolicyReadResult read = text.Length == 0 ? new PolicyReadResult([], []) : PolicyReader.Read("/p.yaml", text);
        Assert.DoesNotContain(read.Problems, problem => problem.IsError);
        _writer.Publish(world => world with
        {
            Engine = new PolicyEngine(PolicySet.Empty.With(read.Documents.Select(document => root ? document with { AppliedBy = "root", AppliedAt = Now() } : document)), EnforcementMode.Default),
        });
    }

    private void Put(string name, ushort id, string labels, string address)
    {
        var endpoint = new Endpoint
        {
            Id = id,
            ExternalId = "id-" + name,
            NetworkId = "n",
            Ipv4 = IPAddress.Parse(address),
            Mac = [2, 0, 0, 0, 0, (byte)id],
            Created = Now(),
            State = EndpointState.Ready,
            Name = name,
            Identity = new Identity(Identity.FirstAllocated + id),
            Labels = LabelSet.Parse("container:" + labels),
        };
        _writer.Publish(world => world with
        {
            Endpoints = world.Endpoints.SetItem(endpoint.ExternalId, endpoint),
            Identities = world.Identities.SetItem(endpoint.Identity, endpoint.Labels),
            Networks = world.Networks.SetItem("n", new Network("n", 1, "net", false, 1500, [])),
            HostPrefixes = ImmutableHashSet.Create(IpPrefix.Parse("10.1.0.1/32")),
        });
    }
}
