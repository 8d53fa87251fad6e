// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Testing;

/// <summary>Makes maps as they were when they were new.</summary>
internal static class MapReset
{
    internal static void Reset(IEnumerable<BpfMap> maps)
    {
        foreach (BpfMap map in maps)
        {
            Reset(map);
        }
    }

    private static void Reset(BpfMap map)
    {
        switch (map.Spec.Type)
        {
            case BpfMapType.Array or BpfMapType.PerCpuArray:
                byte[] zero = new byte[map.UserValueSize];
                Find(map, value => value.ContainsAnyExcept((byte)0)).ForEach(key => map.Update(key, zero));
                break;
            case BpfMapType.ArrayOfMaps:
                Find(map, value => value.ContainsAnyExcept((byte)0)).ForEach(key => map.Delete(key));
                break;
            case BpfMapType.HashOfMaps:
                Find(map, _ => true).ForEach(key => map.Delete(key));
                break;
            case BpfMapType.ProgramArray:
                // The harness that has programs called puts them there first.
                break;
            case BpfMapType.Hash or BpfMapType.LruHash or BpfMapType.LongestPrefixTrie:
                List<byte[]> keys = Find(map, _ => true);
                map.DeleteBatch(keys.SelectMany(key => key).ToArray(), keys.Count);
                break;
            case BpfMapType.RingBuffer:
                using (var events = new RingBuffer(map))
                {
                    events.Consume(_ => { });
                }

                break;
            case BpfMapType.SocketMap:
                // No harness puts a socket there.
                break;
            default:
                throw new InvalidOperationException($"map {map.Name}: nobody has said how a {map.Spec.Type} is made empty");
        }
    }

    private static List<byte[]> Find(BpfMap map, Predicate predicate)
    {
        List<byte[]> found = [];
        int keySize = (int)map.Spec.KeySize;
        int valueSize = map.UserValueSize;
        map.ForEachBatch((keys, values, count) =>
        {
            for (int i = 0; i < count; i++)
            {
                if (predicate(values.Slice(i * valueSize, valueSize)))
                {
                    found.Add(keys.Slice(i * keySize, keySize).ToArray());
                }
            }
        });
        return found;
    }

    private delegate bool Predicate(ReadOnlySpan<byte> value);
}
