import pytest

from synthgen.tabular import names

PERSON = "patient_nbr|subject_id|PATIENT|PatientID|Patient Id|USUBJID|mrn|person|member.no|pat_id"
ORDINARY = "patient_class|payer_code|encounter_id|demo_group|admission_type_id|user_agent|personality|2"


@pytest.mark.parametrize("name", PERSON.split("|"))
def test_person_keys(name):
    assert names.is_person_key_name(name)


@pytest.mark.parametrize("name", ORDINARY.split("|"))
def test_no_person_keys(name):
    assert not names.is_person_key_name(name)


@pytest.mark.parametrize(
    "name", ["id", "Id", "encounter_id", "Crime ID", "MEMBERID", "Transaction Number", "row-index"]
)
def test_keys(name):
    assert names.is_key_name(name)


@pytest.mark.parametrize("name", ["age", "paid", "covid", "platelets", "thyroid", "", "%"])
def test_no_keys(name):
    assert not names.is_key_name(name)


@pytest.mark.parametrize("name", ["FIRST", "fake_last_name", "Name", "email", "Phone Number", "SSN", "home address"])
def test_personal(name):
    assert names.is_personal_name(name)


@pytest.mark.parametrize("name", ["clinic_name", "LSOA name", "patient", "named", "result"])
def test_not_personal(name):
    assert not names.is_personal_name(name)


@pytest.mark.parametrize(
    ("name", "is_code"), [("REASONCODE", True), ("zip", True), ("diag_icd", True), ("dose", False)]
)
def test_codes(name, is_code):
    assert names.is_code_name(name) == is_code
