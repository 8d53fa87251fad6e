// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Http.Heads;
using Weir.Http.Rules;

namespace Weir.Datapath;

/// <summary>One HTTP policy as a value of weir_http: its automaton, packed.</summary>
public static class HttpTable
{
    private const int Slots = (int)HttpLayout.Slots;
    private const int Words = (int)HttpLayout.Words;
    private const int SlotBytes = 4;

    /// <returns>Null: the kernel does not judge by such rules.</returns>
    /// <param name="why">What is in the way; empty: nothing.</param>
    public static byte[]? TryMake(HttpRuleSet rules, out string why)
    {
        // A state's row has a slot of its own at least.
        if (HeadAutomaton.TryBuild(rules, Slots, out why) is not { } automaton)
        {
            return null;
        }

        why = TooMany(automaton.RuleIds.Count, HttpLayout.Rules, "rules")
            ?? TooMany(automaton.Masks.Count, HttpLayout.Masks, "sets of rules")
            ?? TooMany(automaton.Values.Count, HttpLayout.Values, "values of headers")
            ?? "";
        if (why.Length > 0)
        {
            return null;
        }

        byte[] table = new byte[(int)HttpPlace.TableBytes];
        if (!new HttpSlots(automaton).TryWrite(table.AsSpan((int)HttpPlace.AtSlots, Slots * SlotBytes), automaton.Start, out ushort start))
        {
            why = $"its automaton of {automaton.Rows.Count} states does not fit {Slots} slots";
            return null;
        }

        Write(automaton, start, table);
        return table;
    }

    private static string? TooMany(int count, HttpLayout most, string what) => count > (int)most ? $"{count} {what}, {(int)most} fit" : null;

    private static void Write(HeadAutomaton automaton, ushort start, Span<byte> table)
    {
        Span<byte> classes = table[(int)HttpPlace.AtClasses..];
        for (int value = 0; value < automaton.Classes.Count; value++)
        {
            classes[value] = checked((byte)(1 + automaton.Classes[value])); // controls are one: there are never 256
        }

        WriteSets(automaton.Masks, table[(int)HttpPlace.AtMasks..]);
        WriteSets(automaton.Needs, table[(int)HttpPlace.AtNeeds..]);
        for (int i = 0; i < automaton.RuleIds.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(table[((int)HttpPlace.AtRules + (i * sizeof(uint)))..], automaton.RuleIds[i]);
        }

        for (int i = 0; i < automaton.Values.Count; i++)
        {
            Span<byte> value = table[((int)HttpPlace.AtValues + (i * sizeof(ulong)))..];
            BinaryPrimitives.WriteUInt32LittleEndian(value, automaton.Values[i].Named);
            BinaryPrimitives.WriteUInt32LittleEndian(value[sizeof(uint)..], automaton.Values[i].Held);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(table[(int)HttpPlace.AtStart..], start);
        BinaryPrimitives.WriteUInt16LittleEndian(table[(int)HttpPlace.AtNoHost..], (ushort)automaton.NoHost);
        BinaryPrimitives.WriteUInt16LittleEndian(table[(int)HttpPlace.AtConditions..], (ushort)automaton.Needs.Count);
    }

    private static void WriteSets(IReadOnlyList<ulong[]> sets, Span<byte> output)
    {
        for (int i = 0; i < sets.Count; i++)
        {
            for (int word = 0; word < sets[i].Length; word++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(output[(((i * Words) + word) * sizeof(ulong))..], sets[i][word]);
            }
        }
    }
}
