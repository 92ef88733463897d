"""What a column's name suggests: key, code, person, date, or something that identifies people."""

from __future__ import annotations

import re


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEY_WORDS = _set(
    "id ids key uuid guid nbr no nr num number mrn pk identifier rowid index idx code ref reference accession"
)
NO_KEYS = _set("paid unpaid prepaid covid acid fluid steroid thyroid valid grid said bid rapid")
PERSON_WORDS = _set(
    "patient subject person member participant client customer user individual pat subj proband insured beneficiary "
    "respondent employee student"
)
PERSON_KEYS = _set("mrn usubjid subjid pid ssn empi nhsnumber patid patientid patno subjectid personid")
CODE_WORDS = _set("icd snomed loinc cpt drg atc ndc zip postcode plz fips codes")
DATE_WORDS = _set("date dt dat day dob birthdate birth datum")
IDENTIFYING = _set(
    "firstname lastname surname forename fullname maidenname address street phone telephone mobile fax email mail ssn "
    "passport drivers iban"
)
NAME_OF = _set("first last full middle given family maiden patient person sur fore nick user")


def words(name: str) -> list[str]:
    """The words of a column name in lower case: split at marks, digits and capitals."""
    spaced = re.sub(r"([a-z\d])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-z]+", spaced.lower()) if word]


def is_key_name(name: str) -> bool:
    """Whether the name says that the column is a key."""
    parts = words(name)
    if not parts:
        return False
    return (
        parts[-1] in KEY_WORDS or parts[0] in {"id", "uuid"} or (parts[-1].endswith("id") and parts[-1] not in NO_KEYS)
    )


def is_person_key_name(name: str) -> bool:
    """Whether the name says that the column tells people apart: patient_nbr, Subject ID, MRN; not patient_class."""
    parts = words(name)
    if not parts:
        return False
    joined = "".join(parts)
    if joined in PERSON_KEYS or parts[-1] in PERSON_KEYS:
        return True
    return parts[0] in PERSON_WORDS and (len(parts) == 1 or (len(parts) <= 3 and parts[-1] in KEY_WORDS | {"hash"}))


def is_code_name(name: str) -> bool:
    """Whether the name says that whole numbers are codes, between which nothing lies."""
    parts = words(name)
    return bool(parts) and (parts[-1] in CODE_WORDS or parts[-1].endswith("code"))


def is_date_name(name: str) -> bool:
    """Whether the name says date."""
    return any(part in DATE_WORDS for part in words(name))


def is_personal_name(name: str) -> bool:
    """Whether the name says that the cells identify people: names, addresses, telephone numbers."""
    parts = words(name)
    joined = "".join(parts)
    if any(part in IDENTIFYING for part in parts) or joined in IDENTIFYING:
        return True
    named = "name" in parts and (len(parts) == 1 or bool(set(parts) & NAME_OF))
    return named or joined in NAME_OF - {"person", "patient", "user", "full"}
