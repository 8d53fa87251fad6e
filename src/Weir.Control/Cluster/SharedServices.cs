// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>The services that all nodes have: a record each in the shared store, which every node serves. Whoever changes any says
/// which change he saw last, so that of two nobody's is lost, and no frontend is given twice.</summary>
internal sealed class SharedServices : IDisposable
{
    private const int MostTries = 20;
    private const int MostAtOnce = 40; // etcd takes 128 operations; a service that is deleted takes two
    private const int MostBytes = 512 * 1024;
    private const int MostProblems = 20; // that one node tells of
    private const int LongestProblem = 300;

    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly ServiceManager _services;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _one = new(1);

    internal SharedServices(Writer writer, IKeyValues shared, ServiceManager services, ILogger log)
    {
        _writer = writer;
        _shared = shared;
        _services = services;
        _log = log;
    }

    public void Dispose() => _one.Dispose();

    /// <summary>Why a node does not serve what it should, as it tells the others; null: it does.</summary>
    internal static IReadOnlyDictionary<string, string>? Told(ImmutableSortedDictionary<string, string> problems) => problems.IsEmpty ? null
        : problems.Take(MostProblems).ToDictionary(problem => problem.Key, problem => problem.Value.Length <= LongestProblem ? problem.Value : $"{problem.Value[..LongestProblem]}...");

    /// <summary>Serves here what all nodes have. One that this node cannot serve keeps nobody from the others. Called on the writer's
    /// thread.</summary>
    /// <param name="again">Also if nothing was changed since the last time.</param>
    internal void Follow(ClusterView view, bool again = false)
    {
        (long revision, ImmutableSortedDictionary<string, string> before) = _writer.World.SharedServices;
        if (view.ServicesRevision == 0 || (view.ServicesRevision == revision && !again))
        {
            return; // what this node had by itself stays until somebody makes the first for all
        }

        ImmutableSortedDictionary<string, string> problems = before.Clear();
        foreach ((string key, string fault) in view.Faults.Where(fault => fault.Key.StartsWith(ClusterKeys.Services, StringComparison.Ordinal)))
        {
            problems = problems.SetItem(key[ClusterKeys.Services.Length..], $"this version cannot read it: {fault}");
        }

        try
        {
            string[] gone = [.. _services.All.Where(service => !service.IsPublished && !view.Services.ContainsKey(service.Name) && !problems.ContainsKey(service.Name)).Select(service => service.Name)];
            if (gone.Length > 0)
            {
                _services.Remove(gone);
            }
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            Log.Failed(_log, "removing services that no node has any more", e.Message);
        }

        foreach ((string name, string problem) in Put([.. view.Services.Values.Where(service => !_services.IsInForce(service))]))
        {
            problems = problems.SetItem(name, problem);
        }

        foreach ((string name, string problem) in problems.Where(problem => before.GetValueOrDefault(problem.Key) != problem.Value))
        {
            Log.Failed(_log, $"serving service {name} of all nodes", problem);
        }

        if (view.ServicesRevision != revision || !problems.SequenceEqual(before))
        {
            _writer.Publish(world => world with { SharedServices = (view.ServicesRevision, problems) });
        }
    }

    /// <summary>Has all nodes serve what somebody proposes, and waits until they do.</summary>
    /// <param name="propose">Called on the writer's thread, again if somebody else was faster. Null: there is nothing to change.</param>
    /// <returns>What was proposed, and which nodes do not follow.</returns>
    internal async Task<(T Result, IReadOnlyList<Problem> Problems)> AgreeAsync<T>(Func<(T Result, ServiceProposal? Proposal)> propose, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel); // those of one node would only hinder one another
        try
        {
            return await AgreeInTurnAsync(propose, cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Which nodes do not serve a service as it is now, and why; with the name null, any.</summary>
    internal static IEnumerable<string> Behind(World world, string? name)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        foreach (NodeRecord node in view.Nodes.Values)
        {
            if (!view.Alive.Contains(node.Name))
            {
                yield return $"node {node.Name} is silent, and goes on with the services that it heard last until its agent is back: 'weir node list'";
            }
            else if (node.ServicesRevision < view.ServicesRevision)
            {
                yield return $"node {node.Name} has not taken the last change of services yet; it will as soon as it hears of it: 'weir node list'";
            }

            foreach ((string service, string problem) in node.ServiceProblems ?? ImmutableDictionary<string, string>.Empty)
            {
                if (name is null || service == name)
                {
                    yield return $"node {node.Name} does not serve service \"{service}\" as it should: {problem}";
                }
            }
        }
    }

    private async Task<(T, IReadOnlyList<Problem>)> AgreeInTurnAsync<T>(Func<(T Result, ServiceProposal? Proposal)> propose, CancellationToken cancel)
    {
        for (int i = 0; i < MostTries; i++)
        {
            ((T result, ServiceProposal? proposal), long seen) = await _writer.RunAsync(() =>
            {
                World world = _writer.World;
                long last = world.Cluster?.ServicesRevision ?? 0;
                if (world.SharedServices.Revision != last)
                {
                    throw new ControlException("the services of all nodes were not heard yet on this one: try again; nothing was changed");
                }

                return (propose(), last);
            });
            if (proposal is null or { IsEmpty: true })
            {
                return (result, []);
            }

            (long revision, bool isDone) = await PutAsync(proposal, seen, cancel);
            if (isDone)
            {
                await _writer.WaitAsync(world => world.Cluster is { Nodes.Count: > 0 } view && view.Living.All(node => node.ServicesRevision >= revision), SharedPolicy.Patience, cancel);
                return (result, [.. Behind(_writer.World, null).Select(text => new Problem(null, text, Severity.Warning))]);
            }

            // Somebody was faster: on top of his.
            await _writer.WaitAsync(world => world.Cluster?.Revision >= revision && world.SharedServices.Revision == world.Cluster.ServicesRevision, SharedPolicy.Patience, cancel);
        }

        throw new ControlException("others change services all the time: try again; nothing was changed");
    }

    /// <summary>In as few transactions as they fit into; each says which change it follows.</summary>
    private async Task<(long Revision, bool IsDone)> PutAsync(ServiceProposal proposal, long seen, CancellationToken cancel)
    {
        Queue<(string Name, byte[]? Value)> left = new(
            proposal.Put.Select(service => (service.Spec.Name, (byte[]?)JsonSerializer.SerializeToUtf8Bytes(service, StateContext.Default.KeptService)))
                .Concat(proposal.Deleted.Select(name => (name, (byte[]?)null))));
        int all = left.Count;
        while (true)
        {
            Transaction transaction = new Transaction().IfUnchanged(ClusterKeys.ServicesChanged, seen).Put(ClusterKeys.ServicesChanged, "1"u8.ToArray());
            int before = left.Count, bytes = 0;
            while (left.TryPeek(out (string Name, byte[]? Value) next) && before - left.Count < MostAtOnce && (bytes == 0 || bytes + next.Value?.Length <= MostBytes))
            {
                bytes += left.Dequeue().Value?.Length ?? 1;
                _ = next.Value is null
                    ? transaction.Delete(ClusterKeys.Service(next.Name)).Delete(ClusterKeys.Table(next.Name))
                    : transaction.Put(ClusterKeys.Service(next.Name), next.Value);
            }

            string done = before == all ? "nothing was changed" : $"{all - before} of {all} services were changed before: do it again";
            TransactionResult result;
            try
            {
                result = await _shared.CommitAsync(transaction, cancel);
            }
            catch (StoreException e)
            {
                throw new ControlException($"the services of all nodes cannot be changed now: {e.Message}; {done}");
            }
            catch (OutcomeUnknownException e)
            {
                throw new ControlException($"whether the services of all nodes were changed is not known: {e.Message}; see 'weir service list' once the shared store answers");
            }

            if (!result.Succeeded && before != all)
            {
                throw new ControlException($"somebody else changes services at the same time; {done}");
            }

            if (!result.Succeeded || left.Count == 0)
            {
                return (result.Revision, result.Succeeded);
            }

            seen = result.Revision;
        }
    }

    /// <summary>All at once if they fit, or one by one.</summary>
    /// <returns>By name, why one is not served.</returns>
    private List<(string Name, string Problem)> Put(IReadOnlyList<KeptService> services)
    {
        List<(string, string)> problems = [];
        List<KeptService> sound = [];
        foreach (KeptService service in services)
        {
            // Written by another version, or by whoever has the store.
            if (service.Spec.Validate().Concat(_services.ClashesHere(service.Spec)).FirstOrDefault(problem => problem.IsError) is { } problem)
            {
                problems.Add((service.Spec.Name, problem.Message));
            }
            else
            {
                sound.Add(service);
            }
        }

        if (sound.Count > 0 && TryPut(sound) is not null)
        {
            problems.AddRange(sound.Select(service => (service.Spec.Name, Problem: TryPut([service]))).Where(one => one.Problem is not null).Select(one => (one.Name, one.Problem!)));
        }

        return problems;
    }

    private string? TryPut(IReadOnlyList<KeptService> services)
    {
        try
        {
            _services.Put(services);
            return null;
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            return e.Message;
        }
    }
}
