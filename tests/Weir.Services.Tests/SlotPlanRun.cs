// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Services.Tests;

/// <summary>A random life of one frontend: what the agent does, and flows that watch it.</summary>
internal sealed class SlotPlanRun
{
    private const int MostTuples = 400;
    private const int MostSlots = 256;

    private readonly Random _random;
    private readonly FlowModel _model = new();
    private readonly Dictionary<int, uint> _flows = []; // living: tuple → backend
    private readonly HashSet<uint> _serving = [];
    private readonly HashSet<uint> _drained = [];
    private readonly HashSet<uint> _gone = [];
    private uint _nextId = 1;
    private int _size = 16;

    public SlotPlanRun(Random random)
    {
        _random = random;
        _model.MayRemember = () => _random.Next(10) > 0;
        for (var i = 0; i < 3; i++)
        {
            _serving.Add(_nextId++);
        }

        _model.Slots = SlotPlan.Begin(Table());
    }

    public long Packets { get; private set; }

    public long Ended { get; private set; }

    public void Steps(int count)
    {
        for (var i = 0; i < count; i++)
        {
            switch (_random.Next(8))
            {
                case 0:
                    ChangeBackends();
                    break;
                case 1 when _size < MostSlots && _random.Next(4) == 0:
                    _size *= 2;
                    Change();
                    break;
                case 2:
                    EndIfNobodyWouldMove();
                    break;
                default:
                    Traffic(20);
                    break;
            }

            CheckAll();
        }
    }

    private void ChangeBackends()
    {
        var serving = _serving.ToArray();
        var drained = _drained.ToArray();
        switch (_random.Next(5))
        {
            case 0 or 1:
                _serving.Add(NewId());
                break;
            case 2 when serving.Length > 0:
                _serving.Remove(serving[0]);
                _drained.Add(serving[0]);
                break;
            case 3 when drained.Length > 0:
                _drained.Remove(drained[0]);
                _serving.Add(drained[0]);
                break;
            default:
                Kill(_random.Next(2) == 0 && drained.Length > 0 ? drained[^1] : serving.Length > 0 ? serving[^1] : 0);
                break;
        }

        Change();
    }

    /// <summary>An id of one that is gone serves again when no slot names it and what names it is forgotten.</summary>
    private uint NewId()
    {
        foreach (var id in _gone)
        {
            if (_random.Next(2) == 0 && !_model.Slots.Any(slot => slot.Backend == id || slot.Previous == id))
            {
                _gone.Remove(id);
                foreach (var tuple in _model.Moved.Where(pair => pair.Value == id).Select(pair => pair.Key).ToArray())
                {
                    _model.Moved.Remove(tuple);
                }

                return id;
            }
        }

        return _nextId++;
    }

    private void Kill(uint id)
    {
        if (id == 0)
        {
            return;
        }

        _serving.Remove(id);
        _drained.Remove(id);
        _gone.Add(id);
        foreach (var tuple in _flows.Where(flow => flow.Value == id).Select(flow => flow.Key).ToArray())
        {
            _flows.Remove(tuple);
        }
    }

    private uint[] Table() => MaglevTable.Build([.. _serving.Select(id => new MaglevBackend($"b{id}", id, (int)(1 + (id % 3))))], _size);

    /// <summary>In place slot by slot, with packets in between; a larger run is put in place at once.</summary>
    private void Change()
    {
        var next = SlotPlan.Change(_model.Slots, Table(), _gone);
        if (next.Length > _model.Slots.Length)
        {
            _model.Slots = next;
            return;
        }

        for (var i = 0; i < next.Length; i++)
        {
            _model.Slots[i] = next[i];
            Traffic(1);
        }
    }

    /// <summary>The datapath says when the last flow was seen that the table would send elsewhere.</summary>
    private void EndIfNobodyWouldMove()
    {
        // Flows that would hold the change up end sooner or later.
        foreach (var (tuple, backend) in _flows.ToArray())
        {
            if (backend != _model.Slots[_model.SlotOf(tuple)].Backend && _random.Next(4) > 0)
            {
                _flows.Remove(tuple);
            }
        }

        if (SlotPlan.IsUnderChange(_model.Slots) && _flows.All(flow => flow.Value == _model.Slots[_model.SlotOf(flow.Key)].Backend))
        {
            _model.Slots = SlotPlan.End(_model.Slots);
            CheckAll();
            _model.Moved.Clear();
            Ended++;
        }
    }

    private void Traffic(int packets)
    {
        for (var i = 0; i < packets; i++)
        {
            var tuple = _random.Next(MostTuples);
            if (_flows.ContainsKey(tuple))
            {
                Check(tuple);
                if (_random.Next(3) == 0)
                {
                    _flows.Remove(tuple);
                }
            }
            else
            {
                Open(tuple);
            }
        }
    }

    private void Open(int tuple)
    {
        Packets++;
        var backend = _model.Choose(tuple, isTcp: true, opens: true);
        if (backend != 0 && !_gone.Contains(backend))
        {
            _flows.Add(tuple, backend);
        }
    }

    private void CheckAll()
    {
        foreach (var tuple in _flows.Keys)
        {
            Check(tuple);
        }
    }

    private void Check(int tuple)
    {
        Packets++;
        Assert.Equal(_flows[tuple], _model.Choose(tuple, isTcp: true, opens: false));
    }
}
