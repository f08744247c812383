"""Adult or child? Only a file can say: what the models learnt from is told to everyone."""

from heartviz.records import GateCheck, Radiograph

LEARNT_FROM = "The models learnt from films of adults, congenital signs from signs drawn on them"


def check_age(radiograph: Radiograph) -> GateCheck:
    """Warns of a child where the file gives an age; the age itself is neither kept nor told."""
    if radiograph.adult is None:
        return GateCheck("age", "unknown", f"The file gives no age. {LEARNT_FROM}: do not use them for a child.")
    if radiograph.adult:
        return GateCheck("age", "passed", f"The file says that the patient is an adult. {LEARNT_FROM}.")
    return GateCheck(
        "age",
        "warned",
        f"The file says that the patient is a child. {LEARNT_FROM}: answers and the limit of 0.50 do not hold for a "
        "child, whose heart looks wider.",
    )
