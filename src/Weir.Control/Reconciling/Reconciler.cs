// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Weir.Control.Host;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Linux;
using Weir.Net;

namespace Weir.Control.Reconciling;

/// <summary>Makes kernel, host and proxy be as the <see cref="World"/> says, step by step as the <see cref="Plan"/> has them. What
/// fails is kept by object, told in status, and tried again later and later; who needs it now is told at once.
/// Called on the writer's thread; what only tells may be asked from any.</summary>
internal sealed class Reconciler(Writer writer, IDatapath datapath, IServiceTables services, IHost host, IHttpProxy proxy, PolicyLists lists, PlanOptions options, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan _first = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(30);

    private volatile Realized _realized = Realized.Nothing;
    private ImmutableDictionary<StepObject, string> _failures = ImmutableDictionary<StepObject, string>.Empty;
    private TimeSpan _pause = _first;
    private DateTimeOffset _tryAgain;

    /// <summary>What is in force, as far as it is known.</summary>
    internal Realized Realized => _realized;

    /// <summary>The datapath's: raised whenever flows are judged again.</summary>
    internal uint Revision => datapath.Revision;

    /// <summary>After a start, when it is told who is behind which prefix already.</summary>
    internal void Begin(IEnumerable<IpcacheRow> rows) =>
        _realized = Realized.Nothing with
        {
            IsProxyInDoubt = true,
            Ipcache = rows.ToImmutableDictionary(row => row.Prefix, row => new Behind(row.Identity, row.NetworkId, row.Node)),
            Host = [.. host.List(writer.World)],
            Prefilter = [.. datapath.ListPrefilter()],
            Nodes = [.. datapath.ListNodes()],
            Names = datapath.ListNames().ToImmutableDictionary(row => row.Name, row => row.Addresses),
            HasOverlay = false, // its programs may be of an earlier build
        };

    /// <summary>After a start: an endpoint's programs are in the kernel already.</summary>
    internal void TakeUp(EndpointAttachment attachment) =>
        _realized = _realized with { Endpoints = _realized.Endpoints.SetItem(attachment.Id, attachment) };

    /// <summary>Brings everything into force that can be. A failure of one endpoint does not keep the others from it.</summary>
    /// <returns>How many endpoints' policy changed.</returns>
    internal int Converge()
    {
        HashSet<ushort> changed = [];
        var failures = ImmutableDictionary.CreateBuilder<StepObject, string>();
        foreach (Step step in Plan.Of(writer.World, _realized, lists, options))
        {
            if (IsBuiltOnAnyOf(failures, step))
            {
                continue;
            }

            try
            {
                Take(step);
                _realized = _realized.After(step);
                changed.UnionWith(step is Step.ApplyPolicies apply ? apply.Policies.Keys : []);
            }
            catch (Exception e) when (WeirException.IsExpected(e))
            {
                _realized = _realized.InDoubt(step);
                failures[step.About] = e.Message;
            }
        }

        if (failures.Count == 0)
        {
            // The very object: the next plan need not compare all prefixes and names to see that they are in place.
            _realized = _realized with { Ipcache = lists.IpcacheOf(writer.World), Names = lists.NamesOf(writer.World) };
        }

        Keep(failures.ToImmutable());
        return changed.Count;
    }

    /// <summary>The same for somebody who waits for one endpoint.</summary>
    /// <exception cref="ControlException">It is not in force for that endpoint; it is tried again.</exception>
    internal void Converge(ushort endpoint) => Converge([StepObject.Policy, StepObject.OfEndpoint(endpoint)]);

    /// <summary>The same for somebody who waits for certain things.</summary>
    /// <exception cref="ControlException">One of them is not in force; it is tried again.</exception>
    internal void Converge(IReadOnlyCollection<StepObject> awaited)
    {
        Converge();
        if (awaited.FirstOrDefault(_failures.ContainsKey) is { } failed)
        {
            throw new ControlException($"{failed.What}: {_failures[failed]}");
        }
    }

    /// <summary>The same for somebody who changes what concerns all.</summary>
    /// <returns>How many endpoints' policy changed.</returns>
    /// <exception cref="ControlException">It is not in force; it is tried again.</exception>
    internal int ConvergeAll()
    {
        int changed = Converge();
        return _failures.TryGetValue(StepObject.Policy, out string? failure) ? throw new ControlException(failure) : changed;
    }

    /// <summary>Somebody took an endpoint's programs away: puts them there again.</summary>
    /// <exception cref="ControlException">That failed; it is tried again.</exception>
    internal void AttachAgain(ushort endpoint)
    {
        if (_realized.Endpoints.TryGetValue(endpoint, out EndpointAttachment? attachment))
        {
            TakeUp(Realized.InDoubt(attachment));
        }

        Converge(endpoint);
    }

    /// <summary>Whether an endpoint's programs are attached.</summary>
    internal bool IsAttached(Endpoint endpoint) => _realized.Endpoints.GetValueOrDefault(endpoint.Id)?.Ifindex == endpoint.Ifindex;

    /// <summary>Attaches an endpoint's programs again, now by links if the kernel has them.</summary>
    internal void AttachByLinks(Endpoint endpoint)
    {
        if (IsAttached(endpoint))
        {
            datapath.AttachEndpoint(_realized.Endpoints[endpoint.Id]);
        }
    }

    /// <summary>That the host has what was put into it, and that nothing is left undone; to make that so is to try again when
    /// it is time.</summary>
    internal IEnumerable<Expectation> Expect() => LinuxHost.Expect(_realized.Host, PutAgain).Concat(Undone());

    /// <summary>What is left undone.</summary>
    internal IEnumerable<Expectation> Undone() => _failures.OrderBy(failure => failure.Key.What, StringComparer.Ordinal).Select(failure => new Expectation(
        "state",
        failure.Key.What,
        _ => !_failures.ContainsKey(failure.Key),
        () => TryAgain(failure.Key))
    {
        Endpoint = failure.Key.Endpoint,
    });

    /// <summary>Whether it would not be what it should be, after these failures.</summary>
    private static bool IsBuiltOnAnyOf(ImmutableDictionary<StepObject, string>.Builder failures, Step step) =>
        failures.ContainsKey(step.About)
        || (step.About.IsOfPolicy && failures.ContainsKey(StepObject.Policy))
        || (step is Step.TellProxy { Forgets: true } && failures.Keys.Any(failed => failed.IsOfPolicy || failed == StepObject.Policy))
        || (step switch { Step.LetGo let => let.Takers, Step.StopServing stop => stop.Takers, _ => [] }).Any(taker => failures.ContainsKey(StepObject.OfService(taker)));

    /// <summary>Somebody took it away.</summary>
    internal void PutAgain(HostNeed need)
    {
        if (_realized.Host.Contains(need))
        {
            _realized = _realized with { Host = _realized.Host.Remove(need) };
        }

        Converge([need.About]);
    }

    /// <summary>Somebody took the overlay's programs away.</summary>
    internal void OverlayAgain()
    {
        _realized = _realized with { HasOverlay = false };
        Converge([StepObject.Overlay]);
    }

    private void TryAgain(StepObject undone)
    {
        if (time.GetUtcNow() >= _tryAgain)
        {
            Converge();
        }

        if (_failures.TryGetValue(undone, out string? failure))
        {
            throw new ControlException(failure);
        }
    }

    private void Keep(ImmutableDictionary<StepObject, string> failures)
    {
        foreach ((StepObject failed, string failure) in failures.Where(failure => _failures.GetValueOrDefault(failure.Key) != failure.Value))
        {
            Log.Failed(log, $"bringing into force {failed.What}", failure);
        }

        _pause = failures.IsEmpty || _failures.IsEmpty ? _first : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, _longest.Ticks));
        _tryAgain = time.GetUtcNow() + _pause;
        _failures = failures;
    }

    private void Take(Step step)
    {
        switch (step)
        {
            case Step.TellProxy tell:
                proxy.Enforce([.. tell.Policies.Values]);
                break;
            case Step.ApplyPolicies apply:
                datapath.ApplyPolicies(apply.Policies);
                break;
            case Step.SetOverlay set:
                datapath.SetOverlay(set.IsOn ? host.OverlayIfindex ?? throw new ControlException($"there is no device {HostNeed.OverlayName}") : 0);
                break;
            case Step.SetNodes set:
                datapath.SetNodes(set.Rows);
                break;
            case Step.PutNames put:
                datapath.PutNames(put.Rows);
                break;
            case Step.RemoveNames remove:
                datapath.RemoveNames(remove.Names);
                break;
            case Step.PutIpcache put:
                datapath.SetIpcache(put.Rows);
                break;
            case Step.RemoveIpcache remove:
                foreach (IpPrefix prefix in remove.Prefixes)
                {
                    datapath.RemoveIpcache(prefix);
                }

                break;
            case Step.Attach attach:
                datapath.AttachEndpoint(attach.Attachment, attach.AtOnce);
                break;
            case Step.Detach detach:
                datapath.DetachEndpoint(detach.Id, detach.Addresses);
                break;
            case Step.SetIdentity set:
                datapath.SetIdentity(set.Id, set.Identity);
                break;
            case Step.SetRouted set:
                datapath.SetRouted(set.Id, set.Routed);
                break;
            case Step.SetClaims set:
                datapath.SetClaims(set.Rows);
                break;
            case Step.SetDoors set:
                datapath.SetDoors(set.Rows);
                break;
            case Step.SetPrefilter set:
                datapath.SetPrefilter(set.Prefixes);
                break;
            case Step.Serve serve:
                services.Serve(serve.Service);
                break;
            case Step.LetGo let:
                services.LetGo(let.Service);
                break;
            case Step.StopServing stop:
                services.StopServing(stop.Name);
                break;
            case Step.PutHost put:
                host.Put(put.Need);
                break;
            case Step.RemoveHost remove:
                host.Remove(remove.Need);
                break;
            case Step.Masquerade masquerade:
                host.Masquerade(masquerade.Ranges, masquerade.Untranslated);
                break;
            case Step.SetDenyAnswer set:
                datapath.SetDenyAnswer(set.Id, set.Answer);
                break;
            case Step.BumpRevision:
                datapath.BumpRevision();
                break;
            case Step.Speak:
                break; // only this class needs to know
        }
    }
}
